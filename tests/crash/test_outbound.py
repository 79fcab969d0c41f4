"""Kills while mail goes out: nothing acknowledged is lost, and each failure is reported once."""

from pathlib import Path

import pytest

from tests.crash.copies import NOTE_SECONDS, Copy, Life, repeats
from tests.crash.outbound import run

SEED = 20261129


NOTED_LATE = NOTE_SECONDS + 0.1
KILLED = 10.0
"""When the first of two lives ends; the second begins at 12 and ends in good order."""


@pytest.mark.parametrize(
    ("first", "second", "is_waiting", "fault"),
    [
        (Copy("m", 5.0, 9.9), Copy("m", 13.0, 13.1), True, None),
        # the next hop answered a server that was dead, over a connection that it noticed late
        (Copy("m", 10.1, 10.2), Copy("m", 13.0, 13.1), True, None),
        (Copy("m", 5.0, 9.9), Copy("m", 13.0, 13.1), False, "though it was noted"),
        (Copy("m", 5.0, KILLED - NOTED_LATE), Copy("m", 13.0, 13.1), True, "not noted 1.100 s after the 250"),
        (Copy("m", 5.0, 9.8), Copy("m", 5.0, 9.9), True, "in the same life"),
        (Copy("m", 13.0, 13.1), Copy("m", 21.0, 21.1), True, "after a stop in good order"),
    ],
)
def test_a_second_copy_is_a_fault_unless_a_kill_came_before_the_note(
    first: Copy, second: Copy, is_waiting: bool, fault: str | None
) -> None:
    waiting = {("m", "one.example")} if is_waiting else {("m", "two.example"), ("n", "one.example")}
    lives = [Life(0.0, KILLED, waiting), Life(12.0), Life(20.0)]
    found = repeats([("one.example", second), ("one.example", first), ("two.example", first)], lives)
    assert found.unavoidable == (fault is None)
    assert [fault in one for one in found.faults if fault] == [True] * (fault is not None)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_each_recipient_gets_the_mail_or_its_sender_a_report(tmp_path: Path) -> None:
    verdict = run(80, 8, SEED, tmp_path)
    assert verdict.acknowledged > 50
    assert verdict.is_clean, (str(verdict), verdict.faults[:15])
