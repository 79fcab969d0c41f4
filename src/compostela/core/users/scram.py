"""SCRAM secrets of passwords, and of users that do not exist."""

import hashlib
import hmac
import os
import stringprep
import unicodedata

from compostela.model.scram import ScramSecrets
from compostela.model.username import Username

ITERATIONS = 65_536
"""The most that Cyrus SASL takes (mbsync, Postfix and others): with more its clients hang or fail and try no other mechanism.
GNU SASL takes any number. RFC 7677 §4 asks for at least 4,096."""
_SALT_BYTES = 16
_PROHIBITED = (
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8, stringprep.in_table_c9,
)  # fmt: skip


def scram_secrets(password: str) -> ScramSecrets:
    """Slow: on a thread."""
    return ScramSecrets.derive(prepared(password), os.urandom(_SALT_BYTES), ITERATIONS)


def are_outdated(stored: str | None) -> bool:
    """Whether stored secrets are missing or have another number of iterations, as those of older releases do."""
    return stored is None or ScramSecrets.parse(stored).iterations != ITERATIONS


def secrets_of_nobody(user: Username, secret: bytes) -> ScramSecrets:
    """Secrets for an unknown user or one without its own: always the same, and no password fits, so that a client cannot learn which
    users exist (RFC 5802 §9). `secret` is the server's own."""
    salt = hmac.digest(secret, b"salt " + user.value.encode(), hashlib.sha256)[:_SALT_BYTES]
    return ScramSecrets(ITERATIONS, salt, os.urandom(32), os.urandom(32))


def prepared(password: str) -> bytes:
    """SASLprep (RFC 4013). A password that it forbids is taken as it is: the client did so too when it was set."""
    if password.isascii():
        return password.encode()
    mapped = "".join(
        " " if stringprep.in_table_c12(one) else one for one in password if not stringprep.in_table_b1(one)
    )
    text = unicodedata.normalize("NFKC", mapped)
    forbidden = any(test(one) for one in text for test in _PROHIBITED)
    return (password if forbidden or not text else text).encode()
