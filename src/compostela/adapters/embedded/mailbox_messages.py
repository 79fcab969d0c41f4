"""The messages of mailboxes: see `compostela.core.mailbox.ports.messages` for what it promises."""

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import orjson

from compostela.adapters.embedded import mailbox_writes as writes
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.effects import recall, remember
from compostela.adapters.embedded.mailbox_batches import Batches
from compostela.adapters.embedded.mailbox_log import look, read_page
from compostela.adapters.embedded.mailbox_parts import MailboxPart
from compostela.adapters.embedded.mailbox_rows import (
    HEAD,
    PLACEMENT,
    PlacementRow,
    flags_of,
    flags_rows,
    head_of,
    header_blocks,
)
from compostela.adapters.embedded.signals import mailbox_topic
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import NotFound, StorageFull
from compostela.core.idempotency import Effect
from compostela.core.mailbox.log import PAGE_ENTRIES, LogPage, applied_to_uids
from compostela.core.mailbox.model import (
    Appended,
    Copied,
    FlagsResult,
    FlagsRow,
    MailboxHead,
    MessageRow,
    NewMessage,
    OpenedMailbox,
    StoredMessage,
)
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet

T = TypeVar("T")

SHORT_ROWS = 2000
"""At most so many rows are read on the loop; more are read on a thread."""
SHORT_BLOCKS = 200
"""The same for header blocks and structure notes."""
SMALL_MAILBOX = 1000
"""Up to so many messages the UIDs are read on the loop."""
SCAN_ROWS = 10_000
"""UIDs that a scanning thread takes from the database at a time."""
LONG_MESSAGES = 100
"""A change to more messages than this keeps off the event loop."""
REMOVE_STEP = 500
"""Messages that one transaction expunges."""
_HEAD = f"SELECT {HEAD} FROM mailbox WHERE id = ?"
_UIDS = "SELECT uid FROM placement WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?"
_UNSEEN = "SELECT uid FROM placement WHERE mailbox = ? AND flags & 1 = 0 ORDER BY uid LIMIT 1"
_TAKE_RECENT = "UPDATE mailbox SET first_recent_uid = uid_next, recent = 0 WHERE id = ?"
_IN_RANGE = "mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?"
_ROWS = f"SELECT {PLACEMENT} FROM placement WHERE {_IN_RANGE}"
_FLAGS = f"SELECT uid, modseq, flags, keywords FROM placement WHERE {_IN_RANGE}"
_HEADERS = f"""SELECT uid, coding, header FROM placement CROSS JOIN message ON message.id = placement.message
    WHERE {_IN_RANGE}"""
_STRUCTURES = f"""SELECT uid, structure FROM placement CROSS JOIN message ON message.id = placement.message
    WHERE {_IN_RANGE}"""
_EVERYTHING = UidSet([(1, MAX_UID)])
_NO_UIDS = UidSet()
_MESSAGES = """SELECT m.structure, m.coding, m.header, b.id, b.size, b.digest FROM placement p
    JOIN message m ON m.id = p.message JOIN blob b ON b.id = m.body WHERE p.mailbox = ? AND p.uid = ?"""


class EmbeddedMessages(MailboxPart):
    """See `MailboxPart`."""

    # writing

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]:
        if not messages:
            return []
        if effect is None:
            # what the pipeline does with an accepted mail is nothing new: it has its place, its bytes are stored
            for message in messages:
                self._blobs.take_room(message.content)
        for message in messages:
            self._blobs.prepare(message.content.body)
        row_id = self._names.row(mailbox)
        now = int(self._clock.now())

        def job(tx: Transaction) -> tuple[int, int, list[int]]:
            if effect is not None:
                known = recall(tx, effect, orjson.dumps((0, 0, [0] * len(messages))))
                if known is not None:
                    first, modseq, ids = orjson.loads(known)
                    return first, modseq, ids
            result = writes.append(tx, self._blobs, row_id, messages, now)
            if effect is not None:
                remember(tx, effect, orjson.dumps(result), self._ended)
            self._tell(tx, mailbox)
            return result

        first, modseq, ids = await self._writer.run(job)
        return [
            Appended(Uid(first + number), ModSeq(writes.modseq_of(modseq, number)), self._names.message(message))
            for number, message in enumerate(ids)
        ]

    async def copy(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        now = int(self._clock.now())
        return await self._writer.run(lambda tx: self._copy(tx, source, uids, target, now)[1], is_long=_is_long(uids))

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        now = int(self._clock.now())

        def job(tx: Transaction) -> Copied:
            rows, copied = self._copy(tx, source, uids, target, now)
            if rows:
                writes.remove(tx, self._names.row(source), rows, now)
                self._tell(tx, source)
            return copied

        return await self._writer.run(job, is_long=_is_long(uids))

    def _copy(
        self, tx: Transaction, source: MailboxId, uids: UidSet, target: MailboxId, now: int
    ) -> tuple[list[PlacementRow], Copied]:
        rows = writes.select(tx, self._names.row(source), uids)
        if not rows:
            self._head(source, tx.execute)
            return [], Copied(_NO_UIDS, _NO_UIDS, self._head(target, tx.execute).highest_modseq)
        first, modseq = writes.copy(tx, rows, self._names.row(target), now)
        self._tell(tx, target)
        placed = UidSet([(first, first + len(rows) - 1)])
        return rows, Copied(UidSet.of(row.uid for row in rows), placed, ModSeq(modseq))

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        flags: Flags,
        unchanged_since: ModSeq | None = None,
    ) -> FlagsResult:
        row_id, now = self._names.row(mailbox), int(self._clock.now())

        def job(tx: Transaction) -> FlagsResult:
            rows = writes.select(tx, row_id, uids)
            if not rows:
                self._head(mailbox, tx.execute)
            modified = [] if unchanged_since is None else [row for row in rows if row.modseq > unchanged_since]
            if modified:
                rows = [row for row in rows if row.modseq <= (unchanged_since or 0)]
            updated, changed = writes.store_flags(tx, row_id, rows, mode, flags, now)
            if changed:
                self._tell(tx, mailbox)
            return FlagsResult(
                updated=[FlagsRow(Uid(r.uid), ModSeq(r.modseq), flags_of(r.flags, r.keywords)) for r in updated],
                before=[ModSeq(row.modseq) for row in rows],
                modified=UidSet.of(row.uid for row in modified),
            )

        # a message must be flagged before it can be expunged, so that much works on a full disk
        frees_space = SystemFlag.DELETED in flags and mode is not FlagsMode.REMOVE
        return await self._writer.run(job, frees_space=frees_space, is_long=_is_long(uids))

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[UidSet, ModSeq]:
        return await self._remove(mailbox, _EVERYTHING if uids is None else uids, deleted_only=True)

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> UidSet:
        return (await self._remove(mailbox, uids, deleted_only=False))[0]

    async def _remove(self, mailbox: MailboxId, uids: UidSet, *, deleted_only: bool) -> tuple[UidSet, ModSeq]:
        """Also the ModSeq after it: nothing is read after the last write, whose success a failed read would hide."""
        row_id, now = self._names.row(mailbox), int(self._clock.now())
        removed: list[int] = []

        def job(tx: Transaction, after: int) -> tuple[list[int], ModSeq]:
            rows = writes.select_some(tx, row_id, uids, after, REMOVE_STEP, deleted_only=deleted_only)
            if rows:
                writes.remove(tx, row_id, rows, now)
                self._tell(tx, mailbox)
            return [row.uid for row in rows], self._head(mailbox, tx.execute).highest_modseq

        while True:
            step = partial(job, after=removed[-1] if removed else 0)
            found, modseq = await self._writer.run(step, frees_space=True, is_long=_is_long(uids))
            removed += found
            if len(found) < REMOVE_STEP:
                return UidSet.of(removed), modseq

    async def take_recent(self, mailbox: MailboxId) -> Uid:
        head = await self.head(mailbox)
        if head.first_recent_uid == head.uid_next:
            return head.first_recent_uid

        def job(tx: Transaction) -> Uid:
            now = self._head(mailbox, tx.execute)
            tx.execute(_TAKE_RECENT, (self._names.row(mailbox),))
            self._memory.changing(tx, self._names.row(mailbox))
            return now.first_recent_uid

        return await self._writer.run(job)

    # reading

    async def head(self, mailbox: MailboxId) -> MailboxHead:
        row_id = self._names.row(mailbox)
        known = self._memory.head(row_id)
        if known is not None:
            return known
        mark = self._memory.mark(row_id)
        head = self._head(mailbox, self._reader.execute)
        self._memory.remember(row_id, mark, head)
        return head

    async def heads(self, mailboxes: Sequence[MailboxId]) -> dict[MailboxId, MailboxHead]:
        found = {}
        for mailbox in mailboxes:
            row = self._reader.execute(_HEAD, (self._names.row(mailbox),)).fetchone()
            if row is not None:
                found[mailbox] = head_of(row)
        return found

    def _head(self, mailbox: MailboxId, execute: Execute) -> MailboxHead:
        row = execute(_HEAD, (self._names.row(mailbox),)).fetchone()
        if row is None:
            raise NotFound("the mailbox is gone")
        return head_of(row)

    async def open(
        self, mailbox: MailboxId, *, take_recent: bool, known: tuple[ModSeq, UidSet] | None = None
    ) -> OpenedMailbox:
        row_id = self._names.row(mailbox)

        def read(execute: Execute, head: MailboxHead, uids: UidSet | None) -> tuple[MailboxHead, UidSet, Uid | None]:
            return head, _scan(execute, row_id) if uids is None else uids, _first_unseen(execute, row_id, head)

        found = None if known is None else self._opened_quickly(row_id, known)
        if found is None:
            mark = self._memory.mark(row_id)
            with self._reader.snapshot() as execute:
                head = self._head(mailbox, execute)
                self._memory.remember(row_id, mark, head)
                uids = None if known is None else self._brought_up_to_date(execute, mailbox, head, known)
                is_short = uids is not None or head.messages <= SMALL_MAILBOX
                found = read(execute, head, uids) if is_short else None
        if found is None:
            # on a thread, which sees another moment
            found = await self._reader.scan(lambda execute: read(execute, self._head(mailbox, execute), None))
        head, present, unseen = found
        first_recent = head.first_recent_uid
        if take_recent and head.first_recent_uid < head.uid_next:
            with contextlib.suppress(StorageFull):
                first_recent = await self.take_recent(mailbox)
        return OpenedMailbox(head, present, unseen, first_recent)

    def _opened_quickly(
        self, mailbox: int, known: tuple[ModSeq, UidSet]
    ) -> tuple[MailboxHead, UidSet, Uid | None] | None:
        """Without a snapshot, which takes two more statements: what is read is of one moment if the mark stays as it was. None if it does
        not, or if much has changed since `known`."""
        mark, (modseq, uids) = self._memory.mark(mailbox), known
        head = self._memory.head(mailbox)
        if head is None or head.highest_modseq != modseq:
            page = look(self._reader.execute, self._names, mailbox, modseq, PAGE_ENTRIES)
            if page is None or not page.complete:
                return None
            self._memory.remember(mailbox, mark, page.head)
            head, uids = page.head, applied_to_uids(uids, page.entries)
        unseen = _first_unseen(self._reader.execute, mailbox, head)
        return (head, uids, unseen) if self._memory.mark(mailbox) == mark else None

    def _brought_up_to_date(
        self, execute: Execute, mailbox: MailboxId, head: MailboxHead, known: tuple[ModSeq, UidSet]
    ) -> UidSet | None:
        """None when the log does not tell it within a page."""
        modseq, uids = known
        page = read_page(execute, self._names, self._names.row(mailbox), head, modseq, PAGE_ENTRIES)
        return applied_to_uids(uids, page.entries) if page.complete and page.is_last else None

    async def uids(self, mailbox: MailboxId) -> tuple[UidSet, MailboxHead]:
        def read(execute: Execute) -> tuple[UidSet, MailboxHead]:
            head = self._head(mailbox, execute)
            return _scan(execute, self._names.row(mailbox)), head

        if (await self.head(mailbox)).messages > SMALL_MAILBOX:
            return await self._reader.scan(read)
        with self._reader.snapshot() as execute:
            return read(execute)

    def rows(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[MessageRow]]:
        return self._batches(_ROWS, mailbox, uids, self._names.message_rows)

    def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[FlagsRow]]:
        return self._batches(_FLAGS, mailbox, uids, flags_rows)

    def headers(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        return self._batches(_HEADERS, mailbox, uids, header_blocks, SHORT_BLOCKS)

    def structures(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        return self._batches(_STRUCTURES, mailbox, uids, lambda rows: rows, SHORT_BLOCKS)

    def _batches(
        self,
        statement: str,
        mailbox: MailboxId,
        uids: UidSet | None,
        make: Callable[[list[Any]], list[T]],
        short: int = SHORT_ROWS,
    ) -> AsyncIterator[list[T]]:
        """Reads (UID, …) rows in UID order; what many rows need is read and made on a thread."""

        async def is_short() -> bool:
            messages = (await self.head(mailbox)).messages
            return min(messages, messages if uids is None else uids.count) <= short

        ranges = (_EVERYTHING if uids is None else uids).ranges
        return Batches(self._reader, statement, self._names.row(mailbox), ranges, make, is_short)

    async def log(self, mailbox: MailboxId, since: ModSeq, limit: int = PAGE_ENTRIES) -> LogPage:
        row_id = self._names.row(mailbox)
        known = self._memory.head(row_id)
        # an older head would take the session's ModSeq back
        if known is not None and known.highest_modseq == since:
            return LogPage(known, [], since)
        mark = self._memory.mark(row_id)
        page = look(self._reader.execute, self._names, row_id, since, limit)
        if page is None:
            with self._reader.snapshot() as execute:
                head = self._head(mailbox, execute)
                page = read_page(execute, self._names, row_id, head, since, limit)
        self._memory.remember(row_id, mark, page.head)
        return page

    async def message(self, mailbox: MailboxId, uid: Uid) -> StoredMessage | None:
        return (await self.messages(mailbox, [uid])).get(uid)

    async def messages(self, mailbox: MailboxId, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        row_id = self._names.row(mailbox)
        found: dict[Uid, StoredMessage] = {}
        for uid in uids:
            row = self._reader.execute(_MESSAGES, (row_id, uid)).fetchone()
            if row is not None:
                structure, *content = row
                found[uid] = StoredMessage(self._blobs.content(*content), structure)
        return found

    async def locate(self, message: MessageId) -> list[tuple[MailboxId, Uid]]:
        rows = self._reader.execute(
            "SELECT mailbox, uid FROM placement JOIN mailbox ON mailbox.id = mailbox WHERE message = ?",
            (self._names.row(message),),
        ).fetchall()
        return [(self._names.mailbox(mailbox), Uid(uid)) for mailbox, uid in rows]

    # hints

    def watch(self, mailbox: MailboxId, wake: Callable[[], None], seen: ModSeq | None = None) -> Callable[[], None]:
        return self._signals.watch(mailbox_topic(mailbox), wake, seen)

    def _tell(self, tx: Transaction, mailbox: MailboxId) -> None:
        self._memory.changing(tx, self._names.row(mailbox))
        tx.after_commit.append(lambda: self._signals.publish(mailbox_topic(mailbox)))


def _is_long(uids: UidSet) -> bool:
    return len(uids) > LONG_MESSAGES


def _first_unseen(execute: Execute, mailbox: int, head: MailboxHead) -> Uid | None:
    if not head.unseen:
        return None
    row = execute(_UNSEEN, (mailbox,)).fetchone()
    return None if row is None else Uid(row[0])


def _scan(execute: Execute, mailbox: int) -> UidSet:
    """All UIDs of a mailbox."""
    ranges: list[tuple[int, int]] = []
    last = 0
    while True:
        uids = [row[0] for row in execute(_UIDS, (mailbox, last, SCAN_ROWS)).fetchall()]
        if not uids:
            return UidSet(ranges)
        if uids[-1] - uids[0] == len(uids) - 1:
            ranges.append((uids[0], uids[-1]))
        else:
            starts = [uids[0], *(after for before, after in pairwise(uids) if after != before + 1)]
            ends = [*(before for before, after in pairwise(uids) if after != before + 1), uids[-1]]
            ranges += zip(starts, ends, strict=True)
        last = uids[-1]
