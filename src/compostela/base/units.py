"""Durations and sizes as operators write them: `10 s`, `1day`, `5 minutes`, `64K`, `10 MiB`."""

import re

from compostela.base.errors import InvalidArgument

_QUANTITY = re.compile(r"\s*(-?\d{1,18})\s*([A-Za-z]*)\s*")

_SECONDS = {
    "ms": 0.001, "msec": 0.001, "msecs": 0.001, "milli": 0.001, "millis": 0.001, "millisecond": 0.001, "milliseconds": 0.001,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "week": 604800.0, "weeks": 604800.0,
    "month": 2592000.0, "months": 2592000.0,
    "y": 31536000.0, "year": 31536000.0, "years": 31536000.0,
}  # fmt: skip
_BYTES = {"b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1024**2, "mb": 1024**2, "mib": 1024**2,
          "g": 1024**3, "gb": 1024**3, "gib": 1024**3}  # fmt: skip


def parse_duration(text: str, default_unit: str = "s") -> float:
    """Seconds. Raises `InvalidArgument` for a negative number or an unknown unit."""
    number, unit = _quantity(text, "a duration")
    factor = _SECONDS.get((unit or default_unit).lower())
    if factor is None:
        raise InvalidArgument(f"{text!r} has no known unit of time (ms, s, min, h, d, w, month, year)")
    return number * factor


def parse_size(text: str, default_unit: str = "B") -> int:
    """Octets. Raises `InvalidArgument` for a negative number or an unknown unit."""
    number, unit = _quantity(text, "a size")
    factor = _BYTES.get((unit or default_unit).lower())
    if factor is None:
        raise InvalidArgument(f"{text!r} has no known unit of size (B, K, M, G)")
    return number * factor


def _quantity(text: str, what: str) -> tuple[int, str]:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise InvalidArgument(f"{text!r} is not {what}")
    number = int(match.group(1))
    if number < 0:
        raise InvalidArgument(f"{what} must not be negative, but is {text!r}")
    return number, match.group(2)
