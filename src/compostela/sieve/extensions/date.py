"""Tests on dates: `date` and `currentdate` (RFC 5260 §4, §5)."""

import datetime as dt
import re
from collections.abc import Callable, Iterator

from compostela.mime.dates import parse_with_zone
from compostela.mime.headers import unfold
from compostela.sieve.compiler import Compiler, RunTest
from compostela.sieve.definition import Definition, TestDefinition
from compostela.sieve.matching import Values
from compostela.sieve.names import check_field_names, field_names
from compostela.sieve.run import Run
from compostela.sieve.signatures import Check, Context, Positional, Tag, Type, of_test
from compostela.sieve.sources import raw_values, views
from compostela.sieve.tags import INDEX, MATCH, MIME, check_index, check_match
from compostela.sieve.tree import Call

_ZONE = re.compile(r"([+-])(\d\d)([0-5]\d)")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JULIAN_OFFSET = 678_576
"""Of the modified Julian day to the proleptic ordinal of Python."""


def _offset(moment: dt.datetime) -> str:
    minutes = round((moment.utcoffset() or dt.timedelta()).total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"


def _iso8601(moment: dt.datetime) -> str:
    zone = _offset(moment)
    return f"{PARTS['date'](moment)}T{PARTS['time'](moment)}{'Z' if zone == '+0000' else f'{zone[:3]}:{zone[3:]}'}"


def _std11(moment: dt.datetime) -> str:
    day, month = _DAYS[moment.weekday()], _MONTHS[moment.month - 1]
    return f"{day}, {moment.day:02} {month} {moment.year:04} {moment:%H:%M:%S} {_offset(moment)}"


PARTS: dict[str, Callable[[dt.datetime], str]] = {
    "year": lambda moment: f"{moment.year:04}",
    "month": lambda moment: f"{moment.month:02}",
    "day": lambda moment: f"{moment.day:02}",
    "date": lambda moment: f"{moment.year:04}-{moment.month:02}-{moment.day:02}",
    "julian": lambda moment: str(moment.toordinal() - _JULIAN_OFFSET),
    "hour": lambda moment: f"{moment.hour:02}",
    "minute": lambda moment: f"{moment.minute:02}",
    "second": lambda moment: f"{moment.second:02}",
    "time": lambda moment: f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}",
    "iso8601": _iso8601,
    "std11": _std11,
    "zone": _offset,
    "weekday": lambda moment: str((moment.weekday() + 1) % 7),
}


def _parse_zone(text: str) -> dt.timezone | None:
    found = _ZONE.fullmatch(text)
    if found is None or int(found.group(2)) > 23:
        return None
    offset = dt.timedelta(hours=int(found.group(2)), minutes=int(found.group(3)))
    return dt.timezone(-offset if found.group(1) == "-" else offset)


Shift = Callable[[dt.datetime, Run], dt.datetime]


def _shift(call: Call, compiler: Compiler) -> Shift:
    """To the zone that the tags choose; the local one without them."""
    if call.text("zoning") == "originalzone":
        return lambda moment, _: moment
    zone = call.text("zone")
    if zone is None:
        return lambda moment, run: moment.astimezone(run.now.tzinfo)
    expand = compiler.text(zone)
    return lambda moment, run: moment.astimezone(_parse_zone(expand(run)) or run.now.tzinfo)


def _formatted(moment: dt.datetime, part: str, shift: Shift, run: Run) -> Values:
    formatter = PARTS.get(part.lower())
    if formatter is None:
        return Values(())
    try:
        return Values((formatter(shift(moment, run)),))
    except (OverflowError, ValueError):
        return Values(())


def read_date(value: bytes) -> dt.datetime | None:
    """The date of a field's value: all of it, or what follows the last semicolon, as in Received (RFC 5260 §4)."""
    text = unfold(value)
    found = parse_with_zone(text.rpartition(b";")[2] if b";" in text else text)
    if found is None:
        return None
    epoch_seconds, offset_seconds = found
    try:
        zone = dt.timezone(dt.timedelta(seconds=offset_seconds))
        return dt.datetime.fromtimestamp(epoch_seconds, zone)
    except (OverflowError, ValueError, OSError):
        return None


def _date(call: Call, compiler: Compiler) -> RunTest:
    names = field_names(call, compiler, "header")
    part = compiler.text(call.text("part") or "")
    shift = _shift(call, compiler)
    among = views(call)

    def values(run: Run) -> Values:
        # RFC 5260 §4: the first field counts if no index says otherwise
        found = raw_values(call, names(run), among(run))
        moment = read_date(found[0]) if found else None
        return Values(()) if moment is None else _formatted(moment, part(run), shift, run)

    return compiler.match(call, values)


def _currentdate(call: Call, compiler: Compiler) -> RunTest:
    part = compiler.text(call.text("part") or "")
    shift = _shift(call, compiler)
    return compiler.match(call, lambda run: _formatted(run.now, part(run), shift, run))


def _check_date(call: Call, context: Context) -> Iterator[str]:
    zone, part = call.text("zone"), call.text("part") or ""
    if zone is not None and context.is_constant(zone) and _parse_zone(zone) is None:
        yield f"'{zone}' is no time zone: write an offset such as \"+0100\""
    if context.is_constant(part) and part.lower() not in PARTS:
        yield f"unknown part of a date '{part}': it is one of {', '.join(PARTS)}"


_ZONE_TAG = Tag("zone", "zoning", Type.STRING, "zone")
_PART_AND_KEYS = (Positional("part", Type.STRING), Positional("keys", Type.STRINGS))
_CHECKS: tuple[Check, ...] = (check_match, _check_date)

DEFINITIONS: tuple[Definition, ...] = (
    TestDefinition(
        of_test(
            "date",
            "date",
            tags=(_ZONE_TAG, Tag("originalzone", "zoning"), *MATCH, *INDEX, *MIME),
            positionals=(Positional("header", Type.STRING), *_PART_AND_KEYS),
            checks=(*_CHECKS, check_index, check_field_names("header")),
        ),
        _date,
    ),
    TestDefinition(
        of_test("currentdate", "date", tags=(_ZONE_TAG, *MATCH), positionals=_PART_AND_KEYS, checks=_CHECKS),
        _currentdate,
    ),
)
