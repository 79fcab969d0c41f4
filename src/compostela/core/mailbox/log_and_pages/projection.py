"""What a projector writes: pages, the kept log, and places of messages.

It takes entries and pages at one moment: `plan_projection` is synchronous and is called after the last load.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from compostela.core.mailbox.log_and_pages.entries import (
    ID_BYTES,
    Added,
    Entry,
    Expunged,
    FlagsChanged,
    Image,
    uids_of,
)
from compostela.core.mailbox.log_and_pages.page import Cells, Level, page_of
from compostela.core.mailbox.log_and_pages.state import MailboxState, numbers_of

KEPT_BUCKET_BITS = 8
"""A partition of the kept log has so many ModSeqs, as a power of two: at most 28 MB, seldom more than 50 KB."""


@dataclass(frozen=True, slots=True)
class Projection:
    """Pages with the state at `until`. Rows of the log after `since` and up to `until` go to the kept log."""

    since: int
    until: int
    pages: dict[int, Cells]
    lowest_page: int


@dataclass(frozen=True, slots=True)
class Place:
    """That a message came to a UID, or went from it, at a ModSeq."""

    message: bytes
    uid: int
    modseq: int
    is_gone: bool


def needed(state: MailboxState) -> dict[int, Level]:
    """The pages that the tail touches, with what of them must be loaded. Facts are written when a message came or went since
    the last projection, not only since the last write of the page."""
    levels: dict[int, Level] = {}
    for row in state.tail:
        if row.modseq <= state.head.projected:
            continue
        for entry in row.entries:
            level = Level.FLAGS if isinstance(entry, FlagsChanged) else Level.FACTS
            for number in numbers_of(entry):
                levels[number] = max(level, levels.get(number, level))
    return levels


def plan_projection(state: MailboxState) -> Projection:
    """The pages are loaded as `needed` says, or `KeyError` is raised."""
    pages = {}
    for number, level in needed(state).items():
        page = state.pages[number]
        if page.level < level:
            raise KeyError(number)
        if page.version > state.head.projected:
            pages[number] = page.cells(with_facts=level is Level.FACTS)
    lowest = state.head.lowest_page
    while lowest < page_of(state.head.uid_next) and lowest in state.pages and not state.pages[lowest]:
        lowest += 1
    return Projection(state.head.projected, state.head.modseq, pages, lowest)


def places(entry: Entry, image: Image) -> Iterable[Place]:
    """What an entry changes in the places of messages."""
    if isinstance(entry, FlagsChanged):
        return
    packed = entry.messages if isinstance(entry, Added) else image
    if packed is None:
        raise ValueError("an entry without its before-image")
    uids = (uid for first, last in uids_of(entry) for uid in range(first, last + 1))
    for number, uid in enumerate(uids):
        message = packed.messages[number * ID_BYTES : (number + 1) * ID_BYTES]
        yield Place(message, uid, entry.modseq, isinstance(entry, Expunged))
