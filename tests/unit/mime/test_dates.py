"""Dates of header fields, with their zones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.mime.dates import format_date, parse, parse_day, parse_with_zone


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"Fri, 27 Nov 2026 09:15:00 +0100", (1795767300.0, 3600)),
        (b"27 Nov 2026 09:15 -0730", (1795797900.0, -27_000)),
        (b"Thu, 1 Jan 1970 00:00:00 GMT", (0.0, 0)),
        (b"Thu, 1 Jan 1970 00:00:00 -0000", (0.0, 0)),
        (b"Mon, 3 Feb 2025", (1738540800.0, 0)),
        (b"no date", None),
        (b"", None),
    ],
)
def test_a_date_and_its_zone(value: bytes, wanted: tuple[float, int] | None) -> None:
    assert parse_with_zone(value) == wanted


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"Mon, 01 Jan 2024 23:30:00 -0500", 1_704_067_200),
        (b"1 Jan 2024", 1_704_067_200),
        (b"Thu, 29 Feb 2024 00:00:00 +0000", 1_709_164_800),
        (b"Mon, 00 Jan 2024 10:00:00 +0000", None),
        (b"Mon, 32 Dec 2023 10:00:00 +0000", None),
        (b"Wed, 29 Feb 2023 10:00:00 +0000", None),
    ],
)
def test_a_day_that_no_calendar_has_is_not_taken_for_another(value: bytes, wanted: int | None) -> None:
    assert parse_day(value) == wanted


@given(st.integers(0, 4_000_000_000))
def test_written_dates_are_read(epoch_seconds: int) -> None:
    written = format_date(epoch_seconds).encode()
    assert parse(written) == epoch_seconds
    assert parse_with_zone(written) == (epoch_seconds, 0)


@given(st.binary(max_size=60))
def test_anything_is_a_date_or_none(value: bytes) -> None:
    found = parse_with_zone(value)
    assert (found is None) == (parse(value) is None)
