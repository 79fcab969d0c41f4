"""Identifiers that sort by the time they were made and are never given twice, on any node."""

import os
import random
import time
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_RANDOM_DIGITS = bytes(ord(_ALPHABET[octet % 32]) for octet in range(256))
"""A digit for each octet: chosen by five of its bits, so that each digit is as likely as any other."""
# not for secrets: unlike the system's source it costs no system call
_random = random.Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def _base32(value: int, pairs: int) -> str:
    """Crockford's base 32, lower case, two digits for each pair."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(10 * pairs - 10, -1, -10)])


@lru_cache(maxsize=4)
def _first_time_digits(upper_bits: int) -> str:
    """Kept: they change every 17 minutes."""
    return _base32(upper_bits, 3)


ID_LENGTH = 26


def first_id_at(seconds: float) -> str:
    """Sorts before every id that was or will be made from this time (epoch seconds) on."""
    return _base32(int(seconds * 1000) << 80, 13)


def new_id() -> str:
    """A new 26-character id: 50 bits of milliseconds and 80 random bits. Not a secret: others may guess it."""
    # several ids are made for each mail: an octet for each digit wastes bits, but is translated without a loop
    digits = _random.getrandbits(128).to_bytes(16, "big").translate(_RANDOM_DIGITS).decode()
    now = int(time.time() * 1000)
    return f"{_first_time_digits(now >> 20)}{_PAIRS[now >> 10 & 1023]}{_PAIRS[now & 1023]}{digits}"


def new_trace_id() -> str:
    """A short id that ties together all that happens to one mail or one session (12 characters, 60 random bits)."""
    return _base32(_random.getrandbits(60), 6)
