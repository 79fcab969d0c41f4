"""A log that is carried out again finds what is wrong with pages, and with itself. That it finds nothing in sound ones is shown in
`test_log_and_pages`."""

import pytest

from compostela.core.mailbox.log_and_pages.entries import (
    Added,
    Entry,
    Expunged,
    Facts,
    FlagsChanged,
    Image,
    pack_flags,
    pack_messages,
    pack_ranges,
)
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ
from compostela.core.mailbox.log_and_pages.page import Level, Page
from compostela.core.mailbox.log_and_pages.rebuild import mended
from compostela.core.mailbox.log_and_pages.replay import Difference, DifferenceKind, Replay
from compostela.model.flags import NO_FLAGS, Flags, SystemFlag
from compostela.model.uid_set import UidSet

SEEN = Flags.of(SystemFlag.SEEN)
FACTS = Facts(9, 100, 200, b"m" * 16)
OTHER = Facts(9, 100, 200, b"n" * 16)
Step = tuple[Entry, Image]


def added(modseq: int, uid: int, facts: Facts = FACTS) -> Step:
    return Added(modseq, b"t", uid, pack_messages([(NO_FLAGS, facts)])), None


def seen(modseq: int, uid: int, before: Flags = NO_FLAGS, facts: Facts = FACTS) -> Step:
    ranges = pack_ranges(UidSet.of([uid]))
    return FlagsChanged(modseq, b"t", ranges, 1, pack_flags(SEEN)), pack_messages([(before, facts)])


def expunged(modseq: int, uid: int, before: Flags = NO_FLAGS) -> Step:
    return Expunged(modseq, b"t", pack_ranges(UidSet.of([uid]))), pack_messages([(before, FACTS)])


LOG = [added(2, 1), added(3, 2), seen(4, 1), expunged(5, 2)]


def page_of(steps: list[Step]) -> Page:
    page = Page(0)
    for entry, _ in steps:
        page.apply(entry)
    return page


def replayed(log: list[Step], after: int) -> Replay:
    replay = Replay(1, 511, after)
    for entry, image in log:
        replay.take([entry], [image])
    return replay


def compared(log: list[Step], page: Page, after: int = FIRST_MODSEQ) -> list[Difference]:
    return replayed(log, after).differences([page])


@pytest.mark.parametrize(
    ("log", "applied", "found"),
    [
        (LOG, LOG, []),
        (LOG, LOG[1:2] + LOG[3:], [Difference(1, 4, DifferenceKind.MISSING)]),
        (LOG, LOG[:3], [Difference(2, 3, DifferenceKind.UNEXPECTED)]),
        (LOG, LOG[:2] + LOG[3:], [Difference(1, 2, DifferenceKind.DIFFERENT)]),
        (LOG, [added(2, 1, OTHER), *LOG[1:]], [Difference(1, 4, DifferenceKind.DIFFERENT)]),
        (LOG, [*LOG, added(6, 3)], [Difference(3, 6, DifferenceKind.UNEXPECTED)]),
        ([LOG[0], *LOG[2:]], LOG, [Difference(0, 3, DifferenceKind.HOLE)]),
        ([*LOG, added(6, 2)], LOG, [Difference(2, 6, DifferenceKind.CONTRADICTORY), Difference(2, 6, DifferenceKind.MISSING)]),
        ([*LOG, seen(6, 1)], [*LOG, seen(6, 1)], [Difference(1, 6, DifferenceKind.CONTRADICTORY)]),
        ([*LOG, seen(6, 1, SEEN, OTHER)], [*LOG, seen(6, 1)],
         [Difference(1, 6, DifferenceKind.DIFFERENT), Difference(1, 6, DifferenceKind.CONTRADICTORY)]),
    ],
    ids=["sound", "missing", "expunged", "flags", "message", "never added", "hole", "added twice", "flags before", "message before"],
)  # fmt: skip
def test_each_kind_of_difference_is_found(log: list[Step], applied: list[Step], found: list[Difference]) -> None:
    assert compared(log, page_of(applied)) == sorted(found)


def test_a_log_whose_beginning_is_gone_tells_of_what_it_names() -> None:
    assert compared(LOG[2:], page_of(LOG), after=3) == []
    assert compared(LOG[2:], page_of(LOG[:3]), after=3) == [Difference(2, 3, DifferenceKind.UNEXPECTED)]
    # never named: it was added before the log begins
    assert compared(LOG[3:], page_of(LOG), after=4) == []


@pytest.mark.parametrize(
    ("log", "after", "applied", "restored", "corrected", "removed"),
    [
        (LOG, FIRST_MODSEQ, LOG, [], [], []),
        (LOG, FIRST_MODSEQ, [], [1], [], []),
        (LOG, FIRST_MODSEQ, LOG[:2], [], [1], [2]),
        (LOG, FIRST_MODSEQ, [*LOG, added(6, 3)], [], [], [3]),
        # the log begins later: of a message that it does not name it tells nothing
        (LOG[2:], 3, [LOG[0], LOG[1], added(5, 3)], [], [1], [2]),
        ([added(5, 4)], 4, [*LOG[:3], added(5, 4), added(6, 5)], [], [], [5]),
        # a change before the hole need not be the last one
        ([*LOG[:2], seen(5, 2)], FIRST_MODSEQ, LOG[1:2], [], [2], []),
        ([*LOG, added(7, 3)], FIRST_MODSEQ, [LOG[0]], [3], [], []),
        ([*LOG, seen(6, 1)], FIRST_MODSEQ, [LOG[0]], [], [], []),
    ],
    ids=["sound", "lost", "old", "never came", "cut", "cut, never came", "hole", "hole, came later", "contradictory"],
)  # fmt: skip
def test_pages_are_mended_where_the_log_tells(
    log: list[Step], after: int, applied: list[Step], restored: list[int], corrected: list[int], removed: list[int]
) -> None:
    replay, page = replayed(log, after), page_of(applied)
    found = mended(replay, page)
    if found is None:
        assert [restored, corrected, removed] == [[], [], []]
        return
    assert [list(found.restored), list(found.corrected)] == [restored, corrected]
    assert [row.uid for row in found.removed] == removed
    again = Page.decoded(0, found.cells, Level.FACTS)
    assert again.version == replay.at
    assert mended(replay, again) is None


def test_an_expunge_that_is_told_again_is_no_contradiction() -> None:
    assert compared([*LOG, expunged(6, 2)], page_of(LOG)) == []
