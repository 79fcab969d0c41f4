"""Keys of a server: read from its key store or PEM files and put into an SSL context, never in clear onto a disk.

`ssl` takes keys from files only. A key in PEM is read from the operator's own file. A key from a key store goes through a file in
memory (memfd), encrypted with a password of 256 random bits that lives as long as the call: neither /proc nor a swapped page shows
the key.
"""

import secrets
import ssl
from collections.abc import Callable
from pathlib import Path

from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.keys import KeyEntry, keys_of_jks, keys_of_pkcs12
from compostela.core.keystores.store_file import StoreType, pem_blocks, read_store, type_of
from compostela.net.tls.errors import TlsError
from compostela.net.tls.secret_file import SecretFile
from compostela.net.tls.settings import TlsSettings

ResolveUrl = Callable[[str], Path]

_REASONS = {
    "KEY_VALUES_MISMATCH": "the private key does not belong to the certificate",
    "BAD_DECRYPT": "the password of the private key is wrong",
    "BAD_PASSWORD_READ": "the private key is encrypted: give its password in <secret>",
    "EE_KEY_TOO_SMALL": "the key is too short to be safe",
    "CA_MD_TOO_WEAK": "a certificate is signed with an algorithm that is not safe any more",
    "NO_START_LINE": "there is no certificate, or no private key, in PEM",
}


def load_keys(context: ssl.SSLContext, settings: TlsSettings, resolve: ResolveUrl) -> list[bytes]:
    """Puts the server's keys into a context; gives the server's certificates in DER, one for each key. Raises `TlsError`."""
    if settings.private_key and settings.certificates:
        return _load_pem(context, resolve(settings.certificates), resolve(settings.private_key), settings.secret)
    if not settings.keystore:
        raise TlsError("TLS needs a keystore, or privateKey and certificates")
    path = resolve(settings.keystore)
    data = read_store(path)
    try:
        kind = type_of(data)
        if kind is StoreType.PEM:
            return _load_pem(context, path, path, settings.secret)
        if kind is StoreType.JKS:
            keys = keys_of_jks(data, settings.secret or "", settings.key_secret)
        elif kind is StoreType.PKCS12:
            keys = keys_of_pkcs12(data, settings.secret)
        else:
            raise TlsError("this is a certificate without a key")
        if not keys:
            raise TlsError("the key store has no private key with a certificate")
        return _load_keys(context, keys)
    except (TlsError, KeyStoreError) as error:
        raise TlsError(f"{path}: {error}") from error


def _load_pem(context: ssl.SSLContext, chain: Path, key: Path, secret: str | None) -> list[bytes]:
    blocks = pem_blocks(read_store(chain), b"CERTIFICATE")
    if not blocks:
        raise TlsError(f"{chain}: there is no certificate in PEM")
    if not pem_blocks(read_store(key), b"PRIVATE KEY"):
        raise TlsError(f"{key}: there is no private key in PEM")
    try:
        # without a password OpenSSL would ask at the terminal
        context.load_cert_chain(chain, key, secret or "")
    except (ssl.SSLError, OSError, ValueError) as error:
        raise TlsError(f"{key}: {_reason(error)}") from error
    return [ssl.PEM_cert_to_DER_cert(blocks[0].replace(b"TRUSTED ", b"").decode("ascii", "replace"))]


def _load_keys(context: ssl.SSLContext, keys: list[KeyEntry]) -> list[bytes]:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    kinds = (RSAPrivateKey, EllipticCurvePrivateKey, Ed25519PrivateKey, Ed448PrivateKey)
    loaded: dict[type, bytes] = {}
    for alias, key, chain in keys:
        kind = next((one for one in kinds if isinstance(key, one)), None)
        # one key of each kind, as OpenSSL keeps them; Java too takes the first that suits the client
        if kind is None or kind in loaded:
            continue
        password = secrets.token_hex(32)
        pem = b"".join(
            [
                key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())),
                *(one.public_bytes(Encoding.PEM) for one in chain),
            ]
        )
        try:
            with SecretFile(pem) as name:
                context.load_cert_chain(name, password=password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise TlsError(f"the key {alias!r} cannot be used: {_reason(error)}") from error
        loaded[kind] = chain[0].public_bytes(Encoding.DER)
    if not loaded:
        raise TlsError("the key store has no key of a kind that TLS uses (RSA, EC, Ed25519, Ed448)")
    return list(loaded.values())


def _reason(error: Exception) -> str:
    return _REASONS.get(getattr(error, "reason", None) or "", str(error))
