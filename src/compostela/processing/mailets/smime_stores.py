"""The key stores that mailets for S/MIME name in their settings."""

from typing import TYPE_CHECKING

from compostela.base.settings import Settings
from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.keys import KeyEntry, read_keys, trusted_certificates
from compostela.core.keystores.store_file import read_store
from compostela.processing.mailet import MailetContext

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_TYPES = ("jks", "pkcs12", "pem", "der")


def read_key(settings: Settings, context: MailetContext) -> KeyEntry | None:
    """The key that `keyStoreFileName`, `keyStorePassword`, `keyAlias` and `keyAliasPassword` name; None after a complaint. The content of
    the file tells its type, whatever `keyStoreType` says."""
    _check_word(settings, "keyStoreType", _TYPES)
    name = settings.required("keyStoreFileName")
    secret, alias = settings.text("keyStorePassword", ""), settings.text("keyAlias", "")
    key_secret = settings.text("keyAliasPassword", "") or None
    if not name:
        return None
    try:
        found = read_keys(read_store(context.resolve(name)), secret, key_secret)
    except KeyStoreError as error:
        settings.error(f"the key store cannot be used: {error}", "keyStoreFileName")
        return None
    chosen = [one for one in found if not alias or one.alias.casefold() == alias.casefold()]
    if len(chosen) == 1:
        return chosen[0]
    known = ", ".join(one.alias for one in found) or "none"
    if alias:
        settings.error(f"the key store has no key {alias!r}, its keys: {known}", "keyAlias")
    else:
        settings.error(f"'keyAlias' is needed unless the key store has one key; its keys: {known}", "keyStoreFileName")
    return None


def read_trusted(settings: Settings, context: MailetContext) -> list[bytes]:
    """The certificates, in DER, of the store that `keyStoreFileName` and `keyStorePassword`, or else `pemFileName`, name; none after a
    complaint and if neither is given."""
    _check_word(settings, "keyStoreType", _TYPES)
    _check_word(settings, "fileType", ("keystore", "pem"))
    store, pem = settings.text("keyStoreFileName", ""), settings.text("pemFileName", "")
    secret = settings.text("keyStorePassword", "")
    if store and pem:
        settings.error("'keyStoreFileName' and 'pemFileName' cannot be given together", "pemFileName")
    if not store and not pem:
        return []
    try:
        found = trusted_certificates(read_store(context.resolve(store or pem)), secret)
        _check(found)
    except KeyStoreError as error:
        settings.error(f"the key store cannot be used: {error}", "keyStoreFileName" if store else "pemFileName")
        return []
    if not found:
        settings.error("there is no trusted certificate in the store", "keyStoreFileName" if store else "pemFileName")
    return found


def _check_word(settings: Settings, name: str, known: tuple[str, ...]) -> None:
    text = settings.text(name, "")
    if text and text.lower() not in known:
        settings.error(f"{text!r} is none of {', '.join(known)}", name)


def _check(certificates: list[bytes]) -> None:
    from cryptography import x509

    try:
        for one in certificates:
            x509.load_der_x509_certificate(one)
    except ValueError as error:
        raise KeyStoreError(f"a certificate is damaged: {error}") from error


def address_of(certificate: "Certificate") -> str:
    """The mail address of a certificate: of its alternative names, or else of its subject (RFC 8550 §3); "" if it has none."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        addresses = names.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        addresses = []
    subject = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return next(iter([*addresses, *(str(one.value) for one in subject)]), "")


def name_of(certificate: "Certificate") -> str:
    """The common name of a certificate; "" if it has none."""
    from cryptography.x509.oid import NameOID

    return next((str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")
