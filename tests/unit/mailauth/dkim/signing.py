"""What tests about signing share."""

import base64
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from compostela.mailauth.dkim.private_key import PrivateKey, load_private_key


@cache
def pem(kind: str, password: str = "") -> bytes:
    keys = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
    }
    protection = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return keys[kind]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


@cache
def key_of(kind: str) -> PrivateKey:
    return load_private_key(pem(kind), "")


def record(kind: str = "rsa") -> str:
    return f"v=DKIM1; k={kind}; p={base64.b64encode(key_of(kind).public).decode()}"
