"""What tests about sasl share."""

import base64
import hashlib
import hmac


def final(first: str, header: str, binding: bytes, challenge: bytes, password: bytes = b"secret") -> bytes:
    """The client's last message."""
    fields = dict(pair.split("=", 1) for pair in challenge.decode().split(","))
    bound = base64.b64encode(header.encode() + binding).decode()
    without = f"c={bound},r={fields['r']}"
    salted = hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(fields["s"]), int(fields["i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signed = f"{first},{challenge.decode()},{without}".encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
    return f"{without},p={base64.b64encode(proof).decode()}".encode()
