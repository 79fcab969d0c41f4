"""Comparators (RFC 4790 §9): how strings are equal, ordered and folded."""

from collections.abc import Callable
from functools import lru_cache

_UPPER_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}

Key = Callable[[str], object]


def ascii_fold(text: str) -> str:
    """ASCII letters in lower case, all others as they are; the length stays (RFC 4790 §9.2)."""
    return text.lower() if text.isascii() else text.translate(_UPPER_TO_LOWER)


@lru_cache(maxsize=4096)
def numeric_key(text: str) -> tuple[int, int, str]:
    """Orders by the number at the beginning; what does not begin with a digit is the largest (RFC 4790 §9.1)."""
    end = 0
    while end < len(text) and "0" <= text[end] <= "9":
        end += 1
    if not end:
        return (1, 0, "")
    digits = text[:end].lstrip("0")
    return (0, len(digits), digits)


def _same(text: str) -> str:
    return text


SORT_KEYS: dict[str, Key] = {"i;octet": _same, "i;ascii-casemap": ascii_fold, "i;ascii-numeric": numeric_key}
"""Code points sort as their UTF-8 octets do, so i;octet needs no encoding."""
