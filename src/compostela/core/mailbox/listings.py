"""UIDs and flags of whole mailboxes, kept between SELECTs and listings and brought up to date from the change log.

Clients ask for these most, and searches by flags look at them. An entry of this cache is the state at one ModSeq.
"""

from bisect import bisect_left, bisect_right
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from operator import itemgetter

from cachetools import LRUCache

from compostela.base.errors import NotFound
from compostela.core.mailbox.log import PAGE_ENTRIES, Change, LogEntry
from compostela.core.mailbox.model import FlagsRow, OpenedMailbox
from compostela.core.mailbox.ports import MessageStore
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.uid_set import UidSet

MAX_RANGES = 200_000
"""In all kept sets of UIDs together. A mailbox counts as `LEAST_RANGES` at least, so 1,000 mailboxes are kept at most."""
LEAST_RANGES = 200
MAX_MESSAGES = 50_000
"""The flags of a longer mailbox are not kept."""
MAX_ROWS = 200_000
"""Rows of flags in all mailboxes together: about 130 octets each."""
PIECE_ROWS = 1000
_uid_of = itemgetter(1)
_row_uid = itemgetter(0)


class MailboxListings:
    """A bounded cache over one message store. A list that was given out is never changed."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self.kept_uids: LRUCache[MailboxId, tuple[ModSeq, UidSet]] = LRUCache(MAX_RANGES, _count_ranges)
        self.kept_flags: LRUCache[MailboxId, tuple[ModSeq, list[FlagsRow]]] = LRUCache(MAX_ROWS, _count_rows)

    async def open(self, mailbox: MailboxId, *, take_recent: bool) -> OpenedMailbox:
        """See `MessageStore.open`. Raises `NotFound`."""
        known = self.kept_uids.get(mailbox)
        try:
            opened = await self._store.open(mailbox, take_recent=take_recent, known=known)
        except NotFound:
            self.forget(mailbox)
            raise
        if known is None or known[0] != opened.head.highest_modseq:
            self._keep_uids(mailbox, opened.head.highest_modseq, opened.uids)
        return opened

    def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[Sequence[FlagsRow]]:
        """See `MessageStore.flags`."""
        return _Listing(self, mailbox, uids)

    def stored(self, mailbox: MailboxId, uids: UidSet | None) -> AsyncIterator[Sequence[FlagsRow]]:
        """The same, from the store."""
        return self._store.flags(mailbox, uids)

    async def kept(self, mailbox: MailboxId, uids: UidSet | None) -> list[Sequence[FlagsRow]] | None:
        """All that `flags` gives; None if the rows are not kept."""
        known = self.kept_flags.get(mailbox)
        kept = None if known is None else await self._brought_up_to_date(mailbox, *known)
        if kept is None:
            head = await self._store.head(mailbox)
            # to read a short mailbox anew costs no more than the changes that were too many
            wanted = (
                head.messages
                if uids is None or (known is not None and head.messages <= PAGE_ENTRIES)
                else 2 * len(uids)
            )
            if head.messages > MAX_MESSAGES or wanted < head.messages:
                return None
            # the rows may hold some of what happened after the head; applied again it changes nothing
            kept = [row async for batch in self._store.flags(mailbox) for row in batch]
            self._keep_flags(mailbox, head.highest_modseq, kept)
        return [
            piece if len(piece) <= PIECE_ROWS else piece[start : start + PIECE_ROWS]
            for piece in _selected(kept, uids)
            for start in range(0, len(piece), PIECE_ROWS)
        ]

    def forget(self, mailbox: MailboxId) -> None:
        """Drop what is kept of a mailbox."""
        self.kept_uids.pop(mailbox, None)
        self.kept_flags.pop(mailbox, None)

    async def _brought_up_to_date(
        self, mailbox: MailboxId, modseq: ModSeq, rows: list[FlagsRow]
    ) -> list[FlagsRow] | None:
        """The rows as of now; None if too much has happened: then they are no longer kept."""
        page = await self._store.log(mailbox, modseq)
        if not (page.complete and page.is_last):
            self.kept_flags.pop(mailbox, None)
            return None
        if page.entries:
            rows = _applied(rows, page.entries)
            self._keep_flags(mailbox, page.until, rows)
        return rows

    def _keep_uids(self, mailbox: MailboxId, modseq: ModSeq, uids: UidSet) -> None:
        kept = (modseq, uids)
        if _count_ranges(kept) <= self.kept_uids.maxsize:
            self.kept_uids[mailbox] = kept
        else:
            self.kept_uids.pop(mailbox, None)

    def _keep_flags(self, mailbox: MailboxId, modseq: ModSeq, rows: list[FlagsRow]) -> None:
        if len(rows) <= MAX_MESSAGES:
            self.kept_flags[mailbox] = (modseq, rows)
        else:
            self.kept_flags.pop(mailbox, None)


class _Listing:
    """Rows in UID order, in pieces. A class, because the event loop keeps an account of each asynchronous generator, which costs more
    than a short listing."""

    __slots__ = ("_kept", "_listings", "_mailbox", "_stored", "_uids")

    def __init__(self, listings: MailboxListings, mailbox: MailboxId, uids: UidSet | None) -> None:
        self._listings = listings
        self._mailbox = mailbox
        self._uids = uids
        self._kept: Iterator[Sequence[FlagsRow]] | None = None
        self._stored: AsyncIterator[Sequence[FlagsRow]] | None = None

    def __aiter__(self) -> "_Listing":
        return self

    async def __anext__(self) -> Sequence[FlagsRow]:
        if self._kept is None and self._stored is None:
            kept = await self._listings.kept(self._mailbox, self._uids)
            if kept is None:
                self._stored = self._listings.stored(self._mailbox, self._uids)
            else:
                self._kept = iter(kept)
        if self._stored is not None:
            return await anext(self._stored)
        for piece in self._kept or ():
            return piece
        raise StopAsyncIteration


def _count_ranges(kept: tuple[ModSeq, UidSet]) -> int:
    return max(kept[1].range_count, LEAST_RANGES)


def _count_rows(kept: tuple[ModSeq, list[FlagsRow]]) -> int:
    return max(len(kept[1]), 1)


def _applied(rows: list[FlagsRow], entries: Iterable[LogEntry]) -> list[FlagsRow]:
    """The rows after these entries, in UID order."""
    gone = {entry.uid for entry in entries if entry.change is Change.EXPUNGED}
    rows = [row for row in rows if row[0] not in gone] if gone else rows.copy()
    for entry in sorted(entries, key=_uid_of):
        if entry.uid in gone:
            continue
        row = FlagsRow(entry.uid, entry.modseq, entry.flags)
        if not rows or row.uid > rows[-1].uid:
            rows.append(row)
            continue
        at = bisect_left(rows, row.uid, key=_row_uid)
        if rows[at].uid != row.uid:
            rows.insert(at, row)
        elif rows[at].modseq <= row.modseq:
            rows[at] = row
    return rows


def _selected(rows: list[FlagsRow], uids: UidSet | None) -> list[Sequence[FlagsRow]]:
    """The rows of some UIDs, in pieces."""
    if uids is None:
        return [rows] if rows else []
    pieces: list[Sequence[FlagsRow]] = []
    at = 0
    for first, last in uids.ranges:
        start = bisect_left(rows, first, lo=at, key=_row_uid)
        at = bisect_right(rows, last, lo=start, key=_row_uid)
        if at > start:
            pieces.append(rows[start:at])
    return pieces
