"""Carries the kept log of a mailbox out again and compares the result with the pages, as Cassandra has both. What takes long is done in
threads: a change costs some 17 µs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from compostela.adapters.cassandra.mailbox_log import pause
from compostela.adapters.cassandra.mailbox_states import TRIES, HistoryRow, MailboxTables, OpenLog
from compostela.base.errors import TemporaryFailure
from compostela.core.mailbox.log_and_pages.entries import decode_images
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ, Head
from compostela.core.mailbox.log_and_pages.page import BUCKET_BITS, Level, Page, page_of
from compostela.core.mailbox.log_and_pages.replay import Difference, DifferenceKind, Replay
from compostela.core.mailbox.log_and_pages.state import Restart

PART_UIDS = 1 << BUCKET_BITS
"""Messages that are compared at once, those of one partition of pages: their rows and pages are in memory, some 800 octets a message."""


@dataclass(slots=True)
class Replayed:
    entries: int = 0
    messages: int = 0
    differences: list[Difference] = field(default_factory=list)

    def add(self, part: "Replayed") -> None:
        """A part of the same mailbox."""
        self.entries = max(self.entries, part.entries)
        self.messages += part.messages
        # each part finds the same holes
        self.differences = list(dict.fromkeys(self.differences + part.differences))


@dataclass(frozen=True, slots=True)
class ReplayedPart:
    """Messages of one partition of pages: the log up to the ModSeq of the pages, and the pages. Without both the log could not be
    read to its end."""

    found: Replayed
    replay: Replay | None = None
    pages: Sequence[Page] = ()


async def replay(tables: MailboxTables, mailbox: str) -> Replayed:
    """Reads only; the mailbox may be at work. A mailbox with many messages is read in parts, with the whole log for each. Raises
    `NotFound` and `TemporaryFailure`."""
    _, head = await tables.log.head(mailbox)
    found = Replayed()
    for first in range(0, head.uid_next, PART_UIDS):
        found.add((await replay_part(tables, mailbox, first)).found)
    return found


async def replay_part(tables: MailboxTables, mailbox: str, first: int) -> ReplayedPart:
    """Of the `PART_UIDS` messages from UID `first` on; raises as `replay`."""
    last = first + PART_UIDS - 1
    numbers = range(page_of(first), page_of(last) + 1)
    lost_at: Head | None = None
    for _ in range(TRIES):
        # a new one: pages that this process keeps need not be those of the store
        state = await OpenLog(tables, mailbox).load(
            lambda state: dict.fromkeys(
                (one for one in numbers if one <= page_of(state.head.uid_next - 1)), Level.FACTS
            )
        )
        head = state.head
        replayed = Replay(first, last, max(head.kept_from, FIRST_MODSEQ))
        try:
            await _take_all(replayed, OpenLog(tables, mailbox), head)
        except Restart:
            # the log was cut while it was read, unless its marks stay where they are
            if lost_at is not None and _marks(lost_at) == _marks(head):
                return ReplayedPart(Replayed(0, 0, [Difference(0, replayed.at + 1, DifferenceKind.HOLE)]))
            lost_at = head
            await pause()
            continue
        pages = [state.pages[number] for number in numbers if number in state.pages]
        differences = await asyncio.to_thread(replayed.differences, pages)
        return ReplayedPart(Replayed(replayed.entries, sum(map(len, pages)), differences), replayed, pages)
    raise TemporaryFailure("the mailbox changes too fast to be compared")


async def _take_all(replayed: Replay, log: OpenLog, head: Head) -> None:
    """Raises `Restart`."""
    async for rows in log.history(replayed.at, head):
        await asyncio.to_thread(_take, replayed, rows)


def _take(replayed: Replay, rows: Sequence[HistoryRow]) -> None:
    for entries, images in rows:
        replayed.take(entries, decode_images(images, len(entries)))


def _marks(head: Head) -> tuple[int, int, int]:
    return head.kept_from, head.floor, head.projected
