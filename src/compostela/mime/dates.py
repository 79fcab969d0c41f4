"""Dates of header fields (RFC 5322 §3.3)."""

import calendar
import time
from collections.abc import Callable
from datetime import date
from email.utils import formatdate, mktime_tz, parsedate_tz
from typing import TypeVar

from compostela.mime.comments import without_comments

T = TypeVar("T")
_MIDNIGHT = "00:00:00 +0000"
"""For what gives a day alone."""
_Fields = tuple[int, int, int, int, int, int, int, int, int, int | None]
"""As the library gives them: year to second, three more, and the zone's offset."""


def parse(value: bytes) -> float | None:
    """Epoch seconds; None for what is no date."""
    found = parse_with_zone(value)
    return None if found is None else found[0]


def parse_day(value: bytes) -> int | None:
    """The day as it is written, whatever the time and the zone: epoch seconds of its midnight in UTC; None for what is no date."""
    return _read(value, lambda found: calendar.timegm(date(*found[:3]).timetuple()))


def format_date(epoch_seconds: float | None = None) -> str:
    """In UTC."""
    return formatdate(time.time() if epoch_seconds is None else epoch_seconds, usegmt=False)


def parse_with_zone(value: bytes) -> tuple[float, int] | None:
    """Epoch seconds and the zone's offset in seconds east of UTC, 0 if none is given; None for what is no date."""
    return _read(value, lambda found: (float(mktime_tz(found)), found[9] or 0))


def _read(value: bytes, use: Callable[[_Fields], T]) -> T | None:
    """What `use` makes of the date; None for what is no date, or one that the library stumbles over."""
    try:
        text = without_comments(value).decode("ascii", "replace")
        found = parsedate_tz(text) or parsedate_tz(f"{text} {_MIDNIGHT}")
        return None if found is None else use(found)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
