"""Identifiers that sort by the time they were made and are never given twice, on any node."""

import os
import random
import time
from functools import lru_cache

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
# not for secrets: unlike the system's source it costs no system call
_random = random.Random(os.urandom(32))
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def _base32(value: int, pairs: int) -> str:
    """Crockford's base 32, lower case, two digits for each pair."""
    return "".join([_PAIRS[value >> shift & 1023] for shift in range(10 * pairs - 10, -1, -10)])


@lru_cache(maxsize=4)
def _time_digits(milliseconds: int) -> str:
    """Kept, since many ids are made within one millisecond."""
    return _base32(milliseconds, 5)


ID_LENGTH = 26


def first_id_at(seconds: float) -> str:
    """Sorts before every id that was or will be made from this time (epoch seconds) on."""
    return _base32(int(seconds * 1000) << 80, 13)


def new_id() -> str:
    """A new 26-character id: 50 bits of milliseconds and 80 random bits. Not a secret: others may guess it."""
    # written out: several ids are made for each mail, and this takes a third of the time of a loop
    high, low, pairs = _random.getrandbits(40), _random.getrandbits(40), _PAIRS
    return (
        f"{_time_digits(int(time.time() * 1000))}"
        f"{pairs[high >> 30]}{pairs[high >> 20 & 1023]}{pairs[high >> 10 & 1023]}{pairs[high & 1023]}"
        f"{pairs[low >> 30]}{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}{pairs[low & 1023]}"
    )


def new_trace_id() -> str:
    """A short id that ties together all that happens to one mail or one session (12 characters, 60 random bits)."""
    return _base32(_random.getrandbits(60), 6)
