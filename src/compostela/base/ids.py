"""Identifiers that sort by the time they were made and are never given twice, on any node."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(value: int, digits: int) -> str:
    out = []
    for _ in range(digits):
        out.append(_ALPHABET[value & 31])
        value >>= 5
    return "".join(reversed(out))


def new_id() -> str:
    """A new 26-character id: 48 bits of milliseconds and 80 random bits (Crockford's base 32, lower case)."""
    return _base32(int(time.time() * 1000), 10) + _base32(int.from_bytes(os.urandom(10), "big"), 16)


def new_trace_id() -> str:
    """A short id that ties together all that happens to one mail or one session (13 characters, 64 random bits)."""
    return _base32(int.from_bytes(os.urandom(8), "big"), 13)
