"""Keys and certificates of the connection to Cassandra, from the stores that James's driver takes: JKS, PKCS#12 or PEM."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.cassandra.settings import CassandraTls
from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.jks import read_jks
from compostela.core.keystores.store_file import StoreType, pem_blocks, read_store, type_of


@dataclass(frozen=True, slots=True)
class PemTexts:
    """What the driver takes. Empty if there is none."""

    trusted: str = ""
    chain: str = ""
    key: str = ""


def load_tls(tls: CassandraTls) -> PemTexts:
    """Reads the stores; blocks. Raises `KeyStoreError`."""
    chain, key = _key_of(Path(tls.keystore), tls.keystore_password) if tls.keystore else ("", "")
    trusted = _trusted_of(Path(tls.truststore), tls.truststore_password) if tls.truststore else _of_system()
    return PemTexts(trusted, chain, key)


def _of_system() -> str:
    return _as_pem(ssl.create_default_context().get_ca_certs(binary_form=True))


def _trusted_of(path: Path, password: str) -> str:
    data = read_store(path)
    match type_of(data):
        case StoreType.JKS:
            found = list(read_jks(data, password or None).trusted)
        case StoreType.PKCS12:
            found = _pkcs12(path, data, password)[0]
        case StoreType.CERTIFICATE:
            found = [data]
        case _:
            return _text(pem_blocks(data, b"CERTIFICATE"))
    if not found:
        raise KeyStoreError(f"the trust store {path} has no certificate")
    return _as_pem(found)


def _key_of(path: Path, password: str) -> tuple[str, str]:
    """The chain and the key of the first entry."""
    data = read_store(path)
    match type_of(data):
        case StoreType.JKS:
            keys = read_jks(data, password or None).keys
            if not keys:
                raise KeyStoreError(f"the key store {path} has no key")
            return _as_pem(keys[0].chain), _key_as_pem(keys[0].recover(password))
        case StoreType.PKCS12:
            _, chain, key = _pkcs12(path, data, password)
            return _as_pem(chain), _key_as_pem(key)
        case StoreType.PEM:
            return _text(pem_blocks(data, b"CERTIFICATE")), _text(pem_blocks(data, b"PRIVATE KEY")[:1])
        case _:
            raise KeyStoreError(f"the key store {path} has no key")


def _pkcs12(path: Path, data: bytes, password: str) -> tuple[list[bytes], list[bytes], bytes]:
    """The other certificates, the chain of the key with its own certificate first, and the key, in DER."""
    # imported late: only a configuration with such a key store needs the library
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

    try:
        store = pkcs12.load_pkcs12(data, password.encode() if password else None)
    except ValueError as error:
        raise KeyStoreError(f"the password of the store {path} is wrong, or the file is damaged") from error
    others = [one.certificate.public_bytes(Encoding.DER) for one in store.additional_certs]
    if store.key is None or store.cert is None:
        return others, [], b""
    key = store.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return others, [store.cert.certificate.public_bytes(Encoding.DER), *others], key


def _as_pem(certificates: "list[bytes] | tuple[bytes, ...]") -> str:
    return "".join(ssl.DER_cert_to_PEM_cert(one) for one in certificates)


def _key_as_pem(key: bytes) -> str:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_der_private_key,
    )

    if not key:
        raise KeyStoreError("the key store has no key")
    loaded = load_der_private_key(key, None)
    return loaded.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _text(blocks: list[bytes]) -> str:
    return "".join(block.decode("ascii", "replace") + "\n" for block in blocks)
