"""Private keys with their certificates, and trusted certificates, of any kind of store."""

import base64
from typing import TYPE_CHECKING, NamedTuple

from compostela.core.keystores.errors import KeyStoreError
from compostela.core.keystores.jks import read_jks
from compostela.core.keystores.pkcs12 import protected_keys
from compostela.core.keystores.store_file import StoreType, pem_blocks, type_of

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
    from cryptography.x509 import Certificate


class KeyEntry(NamedTuple):
    """A private key and its chain of certificates, its own first. The alias is that of the store, or else a number."""

    alias: str
    key: "PrivateKeyTypes"
    chain: "list[Certificate]"


def read_keys(data: bytes, secret: str | None, key_secret: str | None = None) -> list[KeyEntry]:
    """The keys of a JKS, PKCS #12 or PEM store that have a certificate. `key_secret` is the password of keys with one of their own. Raises
    `KeyStoreError`."""
    match type_of(data):
        case StoreType.JKS:
            return keys_of_jks(data, secret or "", key_secret)
        case StoreType.PKCS12:
            return keys_of_pkcs12(data, secret)
        case StoreType.PEM:
            return _keys_of_pem(data, secret if key_secret is None else key_secret)
        case _:
            raise KeyStoreError("this is a certificate without a key")


def keys_of_jks(data: bytes, secret: str, key_secret: str | None) -> list[KeyEntry]:
    """Raises `KeyStoreError`."""
    # only a server with a key store pays for the library
    from cryptography.hazmat.primitives.serialization import load_der_private_key
    from cryptography.x509 import load_der_x509_certificate

    found: list[KeyEntry] = []
    for entry in read_jks(data, secret).keys:
        plain = entry.recover(secret if key_secret is None else key_secret)
        try:
            key = load_der_private_key(plain, None)
            found.append(KeyEntry(entry.alias, key, [load_der_x509_certificate(one) for one in entry.chain]))
        except Exception as error:  # the library has many
            raise KeyStoreError(f"the key {entry.alias!r} cannot be used: {error}") from error
    return [one for one in found if one.chain]


def keys_of_pkcs12(data: bytes, secret: str | None) -> list[KeyEntry]:
    """Raises `KeyStoreError`."""
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        store = pkcs12.load_pkcs12(data, secret.encode() if secret else None)
    except Exception as error:  # the library has many
        raise KeyStoreError("the password of the key store is wrong, or the file is damaged") from error
    named = [one for one in (store.cert, *store.additional_certs) if one is not None]
    certificates = [one.certificate for one in named]
    protected = protected_keys(data)
    if len(protected) < 2:
        keys = [store.key] if store.key is not None else []
    else:
        keys = [_protected_key(one, secret, number) for number, one in enumerate(protected, 1)]
    found: list[KeyEntry] = []
    for number, key in enumerate(keys, 1):
        public = key.public_key()
        leaf = next((one for one in named if one.certificate.public_key() == public), None)
        if leaf is not None:
            alias = (leaf.friendly_name or b"").decode("utf-8", "replace") or str(number)
            found.append(KeyEntry(alias, key, _in_order(leaf.certificate, certificates)))
    return found


def _protected_key(encoded: bytes, secret: str | None, number: int) -> "PrivateKeyTypes":
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    try:
        return load_der_private_key(encoded, secret.encode() if secret else None)
    except Exception as error:  # the library has many
        raise KeyStoreError(
            f"the key {number} of the key store cannot be used, or has another password: {error}"
        ) from error


def _in_order(leaf: "Certificate", others: "list[Certificate]") -> "list[Certificate]":
    """The chain from the leaf upwards: PKCS#12 keeps no order, TLS 1.2 wants one (RFC 5246 §7.4.2)."""
    chain = [leaf]
    while chain[-1].issuer != chain[-1].subject:
        issuer = next((one for one in others if one.subject == chain[-1].issuer and one not in chain), None)
        if issuer is None:
            break
        chain.append(issuer)
    return chain


def _keys_of_pem(data: bytes, secret: str | None) -> list[KeyEntry]:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509 import load_pem_x509_certificate

    found: list[KeyEntry] = []
    try:
        certificates = [load_pem_x509_certificate(one) for one in pem_blocks(data, b"CERTIFICATE")]
        for number, block in enumerate(pem_blocks(data, b"PRIVATE KEY"), 1):
            is_encrypted = b"ENCRYPTED" in block
            key = load_pem_private_key(block, secret.encode() if secret and is_encrypted else None)
            public = key.public_key()
            leaf = next((one for one in certificates if one.public_key() == public), None)
            if leaf is not None:
                found.append(KeyEntry(str(number), key, _in_order(leaf, certificates)))
    except Exception as error:  # the library has many
        raise KeyStoreError(f"a key or certificate in PEM cannot be used: {error}") from error
    return found


def trusted_certificates(data: bytes, secret: str | None) -> list[bytes]:
    """Certificates in DER. In a store of the type JKS the chains of keys are not trusted, as in Java; in PKCS#12, where the library
    does not tell them apart, all certificates but the key's own are. Raises `KeyStoreError`."""
    match type_of(data):
        case StoreType.JKS:
            return list(read_jks(data, secret).trusted)
        case StoreType.PKCS12:
            return _trusted_of_pkcs12(data, secret)
        case StoreType.CERTIFICATE:
            return [data]
        case _:
            return [_der_of_pem(one) for one in pem_blocks(data, b"CERTIFICATE")]


def _trusted_of_pkcs12(data: bytes, secret: str | None) -> list[bytes]:
    # only a server with such a trust store pays for the library
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        store = pkcs12.load_pkcs12(data, secret.encode() if secret else None)
    except Exception as error:  # the library has many
        raise KeyStoreError("the password of the trust store is wrong, or the file is damaged") from error
    return [one.certificate.public_bytes(Encoding.DER) for one in store.additional_certs]


def _der_of_pem(block: bytes) -> bytes:
    try:
        return base64.b64decode(b"".join(block.splitlines()[1:-1]), validate=True)
    except ValueError as error:
        raise KeyStoreError("a certificate in PEM is damaged") from error
