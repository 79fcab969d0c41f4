"""The key stores that mailets for S/MIME name in their settings."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Self

from compostela.base.declarations import Text, Word
from compostela.base.declared import Declared
from compostela.base.settings import Settings
from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.keys import KeyEntry, read_keys, trusted_certificates
from compostela.core.keystores.store_file import read_store
from compostela.processing.mailet import MailetContext

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_TYPES = ("jks", "pkcs12", "pem", "der")
Type = Annotated[str, Word("keyStoreType", _TYPES)]
Password = Annotated[str, Text("keyStorePassword")]


@dataclass(frozen=True, slots=True)
class KeySettings(Declared):
    """The key of a mailet."""

    store: Annotated[str, Text("keyStoreFileName")]
    """File with the key: JKS, PKCS #12 or PEM."""
    type: Type = ""
    """Without effect: the content of the file tells its type."""
    password: Password = field(default="", repr=False)
    """Password of the file."""
    alias: Annotated[str, Text("keyAlias")] = ""
    """Name of the key, needed if there are several."""
    key_password: Annotated[str, Text("keyAliasPassword")] = field(default="", repr=False)
    """Password of the key, if it is another."""


@dataclass(frozen=True, slots=True)
class TrustSettings(Declared):
    """The certificates that a mailet trusts."""

    store: Annotated[str, Text("keyStoreFileName")] = ""
    """File with certificates that vouch for those of signers: JKS, PKCS #12, PEM or DER."""
    type: Type = ""
    """Without effect: the content of the file tells its type."""
    password: Password = field(default="", repr=False)
    """Password of the file."""
    pem: Annotated[str, Text("pemFileName")] = ""
    """The same as `keyStoreFileName`, in its place."""
    file_type: Annotated[str, Word("fileType", ("keystore", "pem"))] = ""
    """Without effect: the content of the file tells its type."""

    def completed(self, settings: Settings) -> Self:
        if self.store and self.pem:
            settings.error("'keyStoreFileName' and 'pemFileName' cannot be given together", "pemFileName")
        return self


def read_key(given: KeySettings, settings: Settings, context: MailetContext) -> KeyEntry | None:
    """The key; None after a complaint."""
    alias = given.alias
    if not given.store:
        return None
    try:
        found = read_keys(read_store(context.resolve(given.store)), given.password, given.key_password or None)
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


def read_trusted(given: TrustSettings, settings: Settings, context: MailetContext) -> list[bytes]:
    """The certificates, in DER; none after a complaint and if no file is given."""
    store, pem = given.store, given.pem
    if not store and not pem:
        return []
    try:
        found = trusted_certificates(read_store(context.resolve(store or pem)), given.password)
        _check(found)
    except KeyStoreError as error:
        settings.error(f"the key store cannot be used: {error}", "keyStoreFileName" if store else "pemFileName")
        return []
    if not found:
        settings.error("there is no trusted certificate in the store", "keyStoreFileName" if store else "pemFileName")
    return found


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
