"""Dates of header fields (RFC 5322 §3.3)."""

import calendar
import time
from email.utils import formatdate, mktime_tz, parsedate_tz

from compostela.mime.comments import without_comments


def parse(value: bytes) -> float | None:
    """Epoch seconds; None for what is no date."""
    try:
        found = parsedate_tz(without_comments(value).decode("ascii", "replace"))
        return None if found is None else float(mktime_tz(found))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def parse_day(value: bytes) -> int | None:
    """The day as it is written, whatever the time and the zone: epoch seconds of its midnight in UTC; None for what is no date."""
    try:
        found = parsedate_tz(without_comments(value).decode("ascii", "replace"))
        return None if found is None else calendar.timegm((*found[:3], 0, 0, 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def format_date(epoch_seconds: float | None = None) -> str:
    """In UTC."""
    return formatdate(time.time() if epoch_seconds is None else epoch_seconds, usegmt=False)


def parse_with_zone(value: bytes) -> tuple[float, int] | None:
    """Epoch seconds and the zone's offset in seconds east of UTC, 0 if none is given; None for what is no date."""
    moment = parse(value)
    if moment is None:
        return None
    found = parsedate_tz(without_comments(value).decode("ascii", "replace"))
    return moment, (found[9] or 0) if found else 0
