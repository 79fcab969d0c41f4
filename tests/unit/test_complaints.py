"""Failures that repeat themselves are logged once in a while, in one line if the environment is at fault."""

import logging

import pytest

from compostela.base.complaints import REPEAT_SECONDS, Complaints
from compostela.base.errors import TemporaryFailure
from compostela.testing.clock import FakeClock

LOG = logging.getLogger("tests.complaints")


def fail(complaints: Complaints, error: Exception) -> None:
    try:
        raise error
    except type(error) as caught:
        complaints.error("a part cannot work", caught)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TemporaryFailure("Redis is away"), "Redis is away"),
        (ConnectionRefusedError("refused"), "refused"),
        (TimeoutError(), "TimeoutError"),
    ],
)
def test_what_is_away_is_told_in_one_line(caplog: pytest.LogCaptureFixture, error: Exception, text: str) -> None:
    fail(Complaints(LOG, FakeClock()), error)
    (record,) = caplog.records
    assert (record.getMessage(), record.__dict__["error"], record.exc_info) == ("a part cannot work", text, None)


def test_a_bug_is_told_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    fail(Complaints(LOG, FakeClock()), KeyError("x"))
    assert caplog.records[0].exc_info is not None


def test_a_failure_that_goes_on_is_told_once_an_hour_with_its_number(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    complaints = Complaints(LOG, clock)
    for _ in range(3):
        fail(complaints, TemporaryFailure("away"))
    assert len(caplog.records) == 1
    clock.advance(REPEAT_SECONDS + 1)
    fail(complaints, TemporaryFailure("away"))
    assert caplog.records[1].__dict__["times_since_last_logged"] == 2
