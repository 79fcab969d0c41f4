"""Keys that sign (RFC 6376 §3.3.2, RFC 8463 §3)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from compostela.mailauth.dkim.key import MIN_RSA_BITS
from compostela.mailauth.dkim.signature import Algorithm

KEPT_KEYS = 64
"""Keys that were read last: those of a pipeline and of its check."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What signs, and what is to be published."""

    algorithm: Algorithm
    public: bytes
    """The octets of `p=` in the key record."""
    sign: Callable[[bytes], bytes] = field(repr=False, compare=False)


@lru_cache(maxsize=KEPT_KEYS)
def load_private_key(pem: bytes, password: str) -> PrivateKey:
    """PEM; `password` empty for none. Raises `ValueError`, `TypeError` with the reason.

    OpenSSL proves that an RSA key is one each time that it reads it, 80 ms of computing. Many mailets may sign with one key."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(pem, password.encode() or None)
    match key:
        case Ed25519PrivateKey():
            octets = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            return PrivateKey(Algorithm.ED25519, octets, lambda data: key.sign(hashlib.sha256(data).digest()))
        case RSAPrivateKey():
            if key.key_size < MIN_RSA_BITS:
                raise ValueError(f"{key.key_size} bits are too few, {MIN_RSA_BITS} the least, 2048 usual")
            octets = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            return PrivateKey(Algorithm.RSA, octets, lambda data: key.sign(data, PKCS1v15(), hashes.SHA256()))
        case _:
            raise ValueError("it is neither RSA nor Ed25519")
