"""The embedded mailbox store: see `compostela.core.mailbox.ports` for what it promises."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import apsw
import orjson

from compostela.adapters.embedded import mailbox_removal as removal
from compostela.adapters.embedded import mailbox_writes as writes
from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.effects import recall, remember
from compostela.adapters.embedded.flag_rows import MAX_MESSAGES as MAX_KEPT
from compostela.adapters.embedded.flag_rows import FlagRows, selected
from compostela.adapters.embedded.mailbox_rows import (
    HEAD,
    MAILBOX,
    PLACEMENT,
    Names,
    flags_rows,
    head_of,
    header_blocks,
)
from compostela.adapters.embedded.packing import unpack
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.uid_ranges import UidRanges
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.errors import AlreadyExists, NotFound, TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.core.mail.effects import Effect
from compostela.core.mailbox.model import (
    Appended,
    Changes,
    Copied,
    FlagsResult,
    FlagsRow,
    Mailbox,
    MailboxHead,
    MessageRow,
    NewMessage,
    StoredMessage,
)
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet
from compostela.model.username import Username

T = TypeVar("T")

_log = logging.getLogger(__name__)

BATCH_ROWS = 1000
SHORT_ROWS = 2000
"""At most so many rows are read on the loop; more are read on a thread."""
SHORT_BLOCKS = 200
"""The same for what stands beside the rows."""
LONG_MESSAGES = 100
"""A change to more messages than this keeps off the event loop."""
REMOVE_STEP = 500
"""Messages that one transaction expunges."""
_NEXT_UID_VALIDITY = """INSERT INTO setting VALUES ('uid-validity', ?1)
    ON CONFLICT (name) DO UPDATE SET value = max(CAST(value AS INTEGER) + 1, ?1) RETURNING value"""
_CREATE = "INSERT INTO mailbox (user, namespace, name, uid_validity) VALUES (?, ?, ?, ?) RETURNING id"
_IN_RANGE = "mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?"
_ROWS = f"SELECT {PLACEMENT} FROM placement WHERE {_IN_RANGE}"
_FLAGS = f"SELECT uid, modseq, flags, keywords FROM placement WHERE {_IN_RANGE}"
_HEADERS = f"""SELECT uid, coding, header FROM placement CROSS JOIN message ON message.id = placement.message
    WHERE {_IN_RANGE}"""
_STRUCTURES = f"""SELECT uid, structure FROM placement CROSS JOIN message ON message.id = placement.message
    WHERE {_IN_RANGE}"""
_CHANGED = f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND modseq > ? ORDER BY modseq LIMIT ?"
_EXPUNGED = "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? LIMIT ?"
_FLOOR = "SELECT expunge_floor FROM mailbox WHERE id = ?"
_NO_LIMIT = -1
_EVERYTHING = UidSet([(1, MAX_UID)])
_MESSAGES = """SELECT p.uid, m.header, m.coding, m.structure, b.id, b.size, b.digest FROM placement p
    JOIN message m ON m.id = p.message JOIN blob b ON b.id = m.body WHERE p.mailbox = ? AND p.uid = ?"""


def topic(mailbox: MailboxId) -> str:
    return f"m:{mailbox}"


class EmbeddedMailboxes:
    """Mailboxes in SQLite: reads on the loop's connection, writes through the writer."""

    def __init__(
        self, writer: Writer, reader: Reader, blobs: EmbeddedBlobs, signals: Signals, names: Names, clock: Clock
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._signals = signals
        self._names = names
        self._clock = clock
        self._ranges = UidRanges(reader)
        self._flag_rows = FlagRows(reader)

    # mailboxes

    async def create(self, path: MailboxPath) -> Mailbox:
        now = int(self._clock.now())

        def job(tx: Transaction) -> Mailbox:
            # later mailboxes have higher ones, as RFC 3501 §2.3.1.1 asks of a name that is used again
            validity = int(tx.execute(_NEXT_UID_VALIDITY, (now,)).fetchone()[0])
            place = (path.user.value, path.namespace, path.name, validity)
            try:
                row = tx.execute(_CREATE, place).fetchone()
            except apsw.ConstraintError as error:
                raise AlreadyExists(f"the mailbox {path.name} exists") from error
            return self._names.mailbox_of((row[0], *place))

        return await self._writer.run(job)

    async def find(self, path: MailboxPath) -> Mailbox | None:
        row = self._reader.execute(
            f"SELECT {MAILBOX} FROM mailbox WHERE user = ? AND namespace = ? AND name = ?",
            (path.user.value, path.namespace, path.name),
        ).fetchone()
        return None if row is None else self._names.mailbox_of(row)

    async def get(self, mailbox: MailboxId) -> Mailbox | None:
        row = self._reader.execute(
            f"SELECT {MAILBOX} FROM mailbox WHERE id = ?", (self._names.row(mailbox),)
        ).fetchone()
        return None if row is None else self._names.mailbox_of(row)

    async def of_user(self, user: Username) -> list[Mailbox]:
        rows = self._reader.execute(f"SELECT {MAILBOX} FROM mailbox WHERE user = ? ORDER BY name", (user.value,))
        return [self._names.mailbox_of(row) for row in rows.fetchall()]

    async def rename(self, renames: Sequence[tuple[MailboxId, MailboxPath]]) -> None:
        def job(tx: Transaction) -> None:
            # by way of names that nobody has, so that a chain of renames does not collide with itself
            for mailbox, _ in renames:
                tx.execute("UPDATE mailbox SET name = '%' || id WHERE id = ?", (self._names.row(mailbox),))
            for mailbox, path in renames:
                try:
                    tx.execute(
                        "UPDATE mailbox SET user = ?, namespace = ?, name = ? WHERE id = ?",
                        (path.user.value, path.namespace, path.name, self._names.row(mailbox)),
                    )
                except apsw.ConstraintError as error:
                    raise AlreadyExists(f"the mailbox {path.name} exists") from error
                if tx.connection.changes() == 0:
                    raise NotFound("the mailbox is gone")

        await self._writer.run(job)

    async def delete(self, mailbox: MailboxId) -> None:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> bool:
            is_done = removal.delete(tx, row_id)
            self._tell(tx, mailbox)
            return is_done

        if not await self._writer.run(job, frees_space=True, is_long=True):
            try:
                await removal.purge_deleted(self._writer)
            except TemporaryFailure:
                # the mailbox is gone; the next start or collection goes on
                _log.exception("the messages of a deleted mailbox could not all be removed")
        self._ranges.forget(row_id)
        self._flag_rows.forget(row_id)

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]:
        if not messages:
            return []
        if effect is None:
            # what the pipeline does with an accepted mail is nothing new: it has its place, its bytes are stored
            for message in messages:
                self._blobs.take_room(message.content)
        row_id = self._names.row(mailbox)
        now = int(self._clock.now())

        def job(tx: Transaction) -> tuple[int, int, list[int]]:
            if effect is not None:
                known = recall(tx, effect)
                if known is not None:
                    first, modseq, ids = orjson.loads(known)
                    return first, modseq, ids
            result = writes.append(tx, self._blobs, row_id, messages, now)
            if effect is not None:
                remember(tx, effect, orjson.dumps(result))
            self._tell(tx, mailbox)
            return result

        first, modseq, ids = await self._writer.run(job)
        return [
            Appended(Uid(uid), ModSeq(modseq), self._names.message(message)) for uid, message in enumerate(ids, first)
        ]

    async def copy(self, source: MailboxId, uids: UidSet, target: MailboxId) -> list[Copied]:
        return await self._writer.run(lambda tx: self._copy(tx, source, uids, target)[1], is_long=_is_long(uids))

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> list[Copied]:
        def job(tx: Transaction) -> list[Copied]:
            rows, copied = self._copy(tx, source, uids, target)
            if rows:
                writes.remove(tx, self._names.row(source), rows)
                self._tell(tx, source)
            return copied

        return await self._writer.run(job, is_long=_is_long(uids))

    def _copy(
        self, tx: Transaction, source: MailboxId, uids: UidSet, target: MailboxId
    ) -> tuple[list[writes.PlacementRow], list[Copied]]:
        rows = writes.select(tx, self._names.row(source), uids)
        if not rows:
            self._head(source, tx.execute)
            return [], []
        first, modseq = writes.copy(tx, rows, self._names.row(target), int(self._clock.now()))
        self._tell(tx, target)
        copied = [
            Copied(Uid(row.uid), Appended(Uid(uid), ModSeq(modseq), self._names.message(row.message)))
            for uid, row in enumerate(rows, first)
        ]
        return rows, copied

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        flags: Flags,
        unchanged_since: ModSeq | None = None,
    ) -> FlagsResult:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> FlagsResult:
            rows = writes.select(tx, row_id, uids)
            if not rows:
                self._head(mailbox, tx.execute)
            modified = [] if unchanged_since is None else [row for row in rows if row.modseq > unchanged_since]
            if modified:
                rows = [row for row in rows if row.modseq <= (unchanged_since or 0)]
            updated, changed = writes.store_flags(tx, row_id, rows, mode, flags)
            if changed:
                self._tell(tx, mailbox)
            return FlagsResult(
                updated=[self._names.message_row(row) for row in updated],
                before=[ModSeq(row.modseq) for row in rows],
                modified=[Uid(row.uid) for row in modified],
            )

        # a message must be flagged before it can be expunged, so that much works on a full disk
        frees_space = SystemFlag.DELETED in flags and mode is not FlagsMode.REMOVE
        return await self._writer.run(job, frees_space=frees_space, is_long=_is_long(uids))

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[list[Uid], ModSeq]:
        return await self._remove(mailbox, _EVERYTHING if uids is None else uids, deleted_only=True)

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> list[Uid]:
        return (await self._remove(mailbox, uids, deleted_only=False))[0]

    async def _remove(self, mailbox: MailboxId, uids: UidSet, *, deleted_only: bool) -> tuple[list[Uid], ModSeq]:
        """Also the ModSeq after it: nothing is read after the last write, whose success a failed read would hide."""
        row_id = self._names.row(mailbox)
        removed: list[Uid] = []

        def job(tx: Transaction, after: int) -> tuple[list[Uid], int]:
            rows = writes.select_some(tx, row_id, uids, after, REMOVE_STEP, deleted_only=deleted_only)
            if rows:
                modseq = writes.remove(tx, row_id, rows)
                self._tell(tx, mailbox)
            else:
                modseq = self._head(mailbox, tx.execute).highest_modseq
            return [Uid(row.uid) for row in rows], modseq

        while True:
            step = partial(job, after=removed[-1] if removed else 0)
            found, modseq = await self._writer.run(step, frees_space=True, is_long=_is_long(uids))
            removed += found
            if len(found) < REMOVE_STEP:
                return removed, ModSeq(modseq)

    async def take_recent(self, mailbox: MailboxId) -> Uid:
        head = await self.head(mailbox)
        if head.first_recent_uid == head.uid_next:
            return head.first_recent_uid

        def job(tx: Transaction) -> Uid:
            now = self._head(mailbox, tx.execute)
            tx.execute("UPDATE mailbox SET first_recent_uid = uid_next WHERE id = ?", (self._names.row(mailbox),))
            return now.first_recent_uid

        return await self._writer.run(job)

    # reading messages

    async def head(self, mailbox: MailboxId) -> MailboxHead:
        return self._head(mailbox, self._reader.execute)

    def _head(self, mailbox: MailboxId, execute: Execute) -> MailboxHead:
        row = execute(f"SELECT {HEAD} FROM mailbox WHERE id = ?", (self._names.row(mailbox),)).fetchone()
        if row is None:
            raise NotFound("the mailbox is gone")
        return head_of(row)

    async def uids(self, mailbox: MailboxId) -> tuple[UidSet, MailboxHead]:
        found = await self._ranges.read(self._names.row(mailbox))
        if found is None:
            raise NotFound("the mailbox is gone")
        return found

    async def first_unseen(self, mailbox: MailboxId) -> Uid | None:
        row = self._reader.execute(
            "SELECT uid FROM placement WHERE mailbox = ? AND flags & 1 = 0 ORDER BY uid LIMIT 1",
            (self._names.row(mailbox),),
        ).fetchone()
        return None if row is None else Uid(row[0])

    async def keywords(self, mailbox: MailboxId) -> frozenset[str]:
        rows = self._reader.execute("SELECT name FROM keyword WHERE mailbox = ?", (self._names.row(mailbox),))
        return frozenset(row[0] for row in rows.fetchall())

    async def rows(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[MessageRow]]:
        async for batch in self._batches(_ROWS, mailbox, uids, self._names.message_rows):
            yield batch

    async def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[FlagsRow]]:
        row_id = self._names.row(mailbox)
        rows = self._flag_rows.read(row_id)
        if rows is None:
            head = await self.head(mailbox)
            if head.messages > MAX_KEPT or (uids is not None and 2 * len(uids) < head.messages):
                async for batch in self._batches(_FLAGS, mailbox, uids, flags_rows):
                    yield batch
                return
            rows = [row async for batch in self._batches(_FLAGS, mailbox, None, flags_rows) for row in batch]
            self._flag_rows.keep(row_id, head.highest_modseq, rows)
        for piece in selected(rows, uids):
            for start in range(0, len(piece), BATCH_ROWS):
                yield list(piece[start : start + BATCH_ROWS])
                await asyncio.sleep(0)

    async def headers(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        async for batch in self._batches(_HEADERS, mailbox, uids, header_blocks, SHORT_BLOCKS):
            yield batch

    async def structures(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        async for batch in self._batches(_STRUCTURES, mailbox, uids, lambda rows: rows, SHORT_BLOCKS):
            yield batch

    async def _batches(
        self,
        statement: str,
        mailbox: MailboxId,
        uids: UidSet | None,
        make: Callable[[list[Any]], list[T]],
        short: int = SHORT_ROWS,
    ) -> AsyncIterator[list[T]]:
        """Reads (UID, …) rows in UID order; what many rows need is read and made on a thread."""
        ranges = (_EVERYTHING if uids is None else uids).ranges
        messages = (await self.head(mailbox)).messages
        is_short = min(messages, messages if uids is None else uids.count) <= short
        row_id = self._names.row(mailbox)
        at, after = 0, 0

        def read(execute: Execute) -> tuple[list[T], int, int]:
            rows, then = _batch(execute, statement, row_id, ranges, at, after)
            return make(rows), then, rows[-1][0] if rows else after

        while at < len(ranges):
            batch, at, after = read(self._reader.execute) if is_short else await self._reader.scan(read)
            if batch:
                yield batch

    async def row(self, mailbox: MailboxId, uid: Uid) -> MessageRow | None:
        row = self._reader.execute(
            f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid = ?", (self._names.row(mailbox), uid)
        ).fetchone()
        return None if row is None else self._names.message_row(row)

    async def changes(self, mailbox: MailboxId, since: ModSeq) -> Changes:
        with self._reader.snapshot() as execute:
            changes = self._changes(execute, mailbox, since, BATCH_ROWS)
        if changes is not None:
            return changes
        found = await self._reader.scan(lambda execute: self._changes(execute, mailbox, since, _NO_LIMIT))
        assert found is not None
        return found

    def _changes(self, execute: Execute, mailbox: MailboxId, since: ModSeq, limit: int) -> Changes | None:
        """None when there are more than the limit."""
        row_id = self._names.row(mailbox)
        head = self._head(mailbox, execute)
        if head.highest_modseq <= since:
            return Changes(head, [], [])
        changed = execute(_CHANGED, (row_id, since, limit)).fetchall()
        expunged = execute(_EXPUNGED, (row_id, since, limit)).fetchall()
        if limit in (len(changed), len(expunged)):
            return None
        changed.sort()
        return Changes(
            head,
            [self._names.message_row(row) for row in changed],
            sorted(Uid(row[0]) for row in expunged),
            complete=since >= execute(_FLOOR, (row_id,)).fetchone()[0],
        )

    async def message(self, mailbox: MailboxId, uid: Uid) -> StoredMessage | None:
        return (await self.messages(mailbox, [uid])).get(uid)

    async def messages(self, mailbox: MailboxId, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        row_id = self._names.row(mailbox)
        found: dict[Uid, StoredMessage] = {}
        for uid in uids:
            row = self._reader.execute(_MESSAGES, (row_id, uid)).fetchone()
            if row is not None:
                _, header, coding, structure, blob, size, digest = row
                content = MessageContent(unpack(coding, header), self._blobs.body(blob, size, digest))
                found[uid] = StoredMessage(content, structure)
        return found

    async def locate(self, message: MessageId) -> list[tuple[MailboxId, Uid]]:
        rows = self._reader.execute(
            "SELECT mailbox, uid FROM placement JOIN mailbox ON mailbox.id = mailbox WHERE message = ?",
            (self._names.row(message),),
        ).fetchall()
        return [(self._names.mailbox(mailbox), Uid(uid)) for mailbox, uid in rows]

    # subscriptions

    async def subscribe(self, user: Username, name: str) -> None:
        statement = "INSERT OR IGNORE INTO subscription VALUES (?, ?)"
        await self._writer.run(lambda tx: tx.execute(statement, (user.value, name)) and None)

    async def unsubscribe(self, user: Username, name: str) -> None:
        statement = "DELETE FROM subscription WHERE user = ? AND name = ?"
        await self._writer.run(lambda tx: tx.execute(statement, (user.value, name)) and None)

    async def subscriptions(self, user: Username) -> list[str]:
        rows = self._reader.execute("SELECT name FROM subscription WHERE user = ? ORDER BY name", (user.value,))
        return [row[0] for row in rows.fetchall()]

    # hints

    def watch(self, mailbox: MailboxId, wake: Callable[[], None]) -> Callable[[], None]:
        return self._signals.watch(topic(mailbox), wake)

    def _tell(self, tx: Transaction, mailbox: MailboxId) -> None:
        tx.after_commit.append(lambda: self._signals.publish(topic(mailbox)))


def _is_long(uids: UidSet) -> bool:
    return len(uids) > LONG_MESSAGES


def _batch(
    execute: Execute, statement: str, mailbox: int, ranges: Sequence[tuple[int, int]], at: int, after: int
) -> tuple[list[Any], int]:
    """Rows behind a UID, and the range with which to go on."""
    rows: list[Any] = []
    while at < len(ranges):
        first, last = ranges[at]
        rows += execute(statement, (mailbox, max(first, after + 1), last, BATCH_ROWS - len(rows))).fetchall()
        if len(rows) == BATCH_ROWS:
            break
        at += 1
    return rows, at
