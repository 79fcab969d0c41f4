"""Stored passwords: James's algorithms, and the stored form `algorithm:salt:hash`.

The algorithm is kept with each password, so a change of the setting touches new passwords, and those that it makes harder to guess
at their next login. `NONE` keeps a password
readable, for an operator who asks for it by name.
"""

import base64
import hashlib
import hmac
import os
import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

_NAME = re.compile(r"(PBKDF2-SHA512|PBKDF2|MD5|SHA-1|SHA-256|SHA-512|NONE)(?:-(\d+)-(\d+))?(?:/(\w+))?", re.IGNORECASE)
_MODES = frozenset({"plain", "salted", "legacy", "legacy_salted"})
_DIGESTS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}
_WEAKEST_FIRST = ("NONE", "MD5", "SHA-1", "SHA-256", "SHA-512")
_SALT_BYTES = 16
MAX_ITERATIONS = 10_000_000


@dataclass(frozen=True, slots=True)
class Algorithm:
    """`NAME[-iterations-keybits][/mode]`; iterations and key bits are for the PBKDF2 family only."""

    name: str
    iterations: int = 0
    key_bits: int = 0
    mode: str = "plain"

    @classmethod
    def parse(cls, text: str, default_mode: str = "plain") -> "Algorithm":
        """Raises `InvalidArgument`."""
        match = _NAME.fullmatch(text.strip())
        if match is None:
            raise InvalidArgument(f"{text!r} is not a password algorithm (such as PBKDF2-SHA512, or SHA-512/salted)")
        name, iterations, bits, mode = match.groups()
        name, mode = name.upper(), (mode or default_mode).lower()
        if mode not in _MODES:
            raise InvalidArgument(f"{mode!r} is none of plain, salted, legacy, legacy_salted")
        if not name.startswith("PBKDF2"):
            if iterations:
                raise InvalidArgument(f"{name} takes no iterations")
            return cls(name, mode=mode)
        rounds, key_bits = int(iterations or _DEFAULT_ROUNDS[name]), int(bits or 512)
        if not 1 <= rounds <= MAX_ITERATIONS or not 8 <= key_bits <= 4096 or key_bits % 8:
            raise InvalidArgument(f"{text!r}: iterations and key size are out of range")
        return cls(name, rounds, key_bits, mode)

    def is_easier_than(self, other: "Algorithm") -> bool:
        """Whether what it hashed is easier to guess: it has fewer iterations, outside the PBKDF2 family none. More of a weaker hash do
        not count. Without iterations it has a weaker hash, or no salt."""
        if self.iterations or other.iterations:
            return self.iterations < other.iterations and (self.name, other.name) != ("PBKDF2-SHA512", "PBKDF2")
        return (_WEAKEST_FIRST.index(self.name), self._is_salted) < (_WEAKEST_FIRST.index(other.name), other._is_salted)

    @property
    def _is_salted(self) -> bool:
        return self.mode.endswith("salted")

    def __str__(self) -> str:
        numbers = f"-{self.iterations}-{self.key_bits}" if self.iterations else ""
        return f"{self.name}{numbers}/{self.mode}"


_DEFAULT_ROUNDS = {"PBKDF2": 1000, "PBKDF2-SHA512": 210_000}
DEFAULT_ALGORITHM = Algorithm("PBKDF2-SHA512", _DEFAULT_ROUNDS["PBKDF2-SHA512"], 512, "salted")


def algorithm_of(stored: str) -> Algorithm:
    return Algorithm.parse(stored.partition(":")[0])


def hash_password(password: str, algorithm: Algorithm) -> str:
    """The stored form of a new password. PBKDF2 is always salted at random, whatever the mode."""
    salt = os.urandom(_SALT_BYTES)
    return f"{algorithm}:{base64.b64encode(salt).decode()}:{_digest(password, algorithm, salt)}"


def verify_password(password: str, stored: str) -> bool:
    """In time that does not depend on where the hashes differ."""
    _, salt, expected = stored.split(":", 2)
    return hmac.compare_digest(_digest(password, algorithm_of(stored), base64.b64decode(salt)), expected)


def _digest(password: str, algorithm: Algorithm, salt: bytes) -> str:
    secret = password.encode()
    if algorithm.name == "NONE":
        return base64.b64encode(secret).decode()
    if algorithm.name.startswith("PBKDF2"):
        digest = "sha512" if algorithm.name == "PBKDF2-SHA512" else "sha1"
        key = hashlib.pbkdf2_hmac(digest, secret, salt, algorithm.iterations, algorithm.key_bits // 8)
        return base64.b64encode(key).decode()
    if algorithm.mode.endswith("salted"):
        secret = salt + secret
    hashed = hashlib.new(_DIGESTS[algorithm.name], secret, usedforsecurity=False).digest()
    return base64.b64encode(hashed).decode()
