"""What a server keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 5803)."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field

from compostela.base.errors import InvalidArgument


@dataclass(frozen=True, slots=True)
class ScramSecrets:
    """Enough to check a client and to prove oneself to it, not enough to log in anywhere."""

    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, password: bytes, salt: bytes, iterations: int) -> "ScramSecrets":
        """Of a prepared password. Takes as long as the iterations say: on a thread."""
        salted = hashlib.pbkdf2_hmac("sha256", password, salt, iterations)
        client_key = hmac.digest(salted, b"Client Key", hashlib.sha256)
        server_key = hmac.digest(salted, b"Server Key", hashlib.sha256)
        return cls(iterations, salt, hashlib.sha256(client_key).digest(), server_key)

    @classmethod
    def parse(cls, text: str) -> "ScramSecrets":
        """Raises `InvalidArgument`."""
        try:
            iterations, *octets = text.split(":")
            salt, stored_key, server_key = (base64.b64decode(one, validate=True) for one in octets)
            return cls(int(iterations), salt, stored_key, server_key)
        except (ValueError, binascii.Error) as error:
            raise InvalidArgument("these are no SCRAM secrets") from error

    def __str__(self) -> str:
        octets = (base64.b64encode(one).decode() for one in (self.salt, self.stored_key, self.server_key))
        return ":".join((str(self.iterations), *octets))

    def proves(self, proof: bytes, signed: bytes) -> bool:
        """Whether the client's proof over these octets is right."""
        if len(proof) != len(self.stored_key):
            return False
        signature = hmac.digest(self.stored_key, signed, hashlib.sha256)
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        return hmac.compare_digest(hashlib.sha256(client_key).digest(), self.stored_key)
