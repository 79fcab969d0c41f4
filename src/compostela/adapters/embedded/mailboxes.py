"""The embedded mailbox store: see `compostela.core.mailbox.ports` for what it promises."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence

import apsw
import orjson

from compostela.adapters.embedded import mailbox_writes as writes
from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.effects import recall, remember
from compostela.adapters.embedded.mailbox_rows import HEAD, MAILBOX, PLACEMENT, Names, head_of
from compostela.adapters.embedded.packing import unpack
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.uid_ranges import UidRanges
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.blob.model import MessageContent
from compostela.core.mail.effects import Effect
from compostela.core.mailbox.model import (
    Appended,
    Changes,
    Copied,
    FlagsResult,
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

BATCH_ROWS = 1000
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

    # mailboxes

    async def create(self, path: MailboxPath) -> Mailbox:
        validity = secrets.randbelow(2**31 - 1) + 1

        def job(tx: Transaction) -> int:
            try:
                row = tx.execute(
                    "INSERT INTO mailbox (user, namespace, name, uid_validity) VALUES (?, ?, ?, ?) RETURNING id",
                    (path.user.value, path.namespace, path.name, validity),
                ).fetchone()
            except apsw.ConstraintError as error:
                raise AlreadyExists(f"the mailbox {path.name} exists") from error
            return int(row[0])

        row_id = await self._writer.run(job)
        return self._names.mailbox_of((row_id, path.user.value, path.namespace, path.name, validity))

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

        def job(tx: Transaction) -> None:
            messages = [row[0] for row in tx.execute("SELECT message FROM placement WHERE mailbox = ?", (row_id,))]
            for table in ("placement", "expunged", "keyword"):
                tx.execute(f"DELETE FROM {table} WHERE mailbox = ?", (row_id,))
            tx.execute("DELETE FROM mailbox WHERE id = ?", (row_id,))
            if tx.connection.changes() == 0:
                raise NotFound("the mailbox is gone")
            writes.drop_unplaced(tx, messages)
            self._tell(tx, mailbox)

        await self._writer.run(job)
        self._ranges.forget(row_id)

    # writing messages

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]:
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
        return await self._writer.run(lambda tx: self._copy(tx, source, uids, target)[1])

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> list[Copied]:
        def job(tx: Transaction) -> list[Copied]:
            rows, copied = self._copy(tx, source, uids, target)
            if rows:
                writes.remove(tx, self._names.row(source), rows)
                self._tell(tx, source)
            return copied

        return await self._writer.run(job)

    def _copy(
        self, tx: Transaction, source: MailboxId, uids: UidSet, target: MailboxId
    ) -> tuple[list[writes.PlacementRow], list[Copied]]:
        rows = writes.select(tx, self._names.row(source), uids)
        if not rows:
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
            modified = [] if unchanged_since is None else [row for row in rows if row.modseq > unchanged_since]
            if modified:
                rows = [row for row in rows if row.modseq <= (unchanged_since or 0)]
            updated, changed = writes.store_flags(tx, row_id, rows, mode, flags)
            if changed:
                self._tell(tx, mailbox)
            return FlagsResult([self._names.message_row(row) for row in updated], [Uid(row.uid) for row in modified])

        return await self._writer.run(job)

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[list[Uid], ModSeq]:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> tuple[list[Uid], ModSeq]:
            chosen = _EVERYTHING if uids is None else uids
            rows = [row for row in writes.select(tx, row_id, chosen) if row.flags & SystemFlag.DELETED]
            if not rows:
                return [], self._head(mailbox, tx.execute).highest_modseq
            modseq = writes.remove(tx, row_id, rows)
            self._tell(tx, mailbox)
            return [Uid(row.uid) for row in rows], ModSeq(modseq)

        return await self._writer.run(job)

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> list[Uid]:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> list[Uid]:
            rows = writes.select(tx, row_id, uids)
            if rows:
                writes.remove(tx, row_id, rows)
                self._tell(tx, mailbox)
            return [Uid(row.uid) for row in rows]

        return await self._writer.run(job)

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
        row_id = self._names.row(mailbox)
        batch: list[MessageRow] = []
        make = self._names.message_row
        for first, last in (_EVERYTHING if uids is None else uids).ranges:
            while first <= last:
                found = self._reader.execute(
                    f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid BETWEEN ? AND ? ORDER BY uid LIMIT ?",
                    (row_id, first, last, BATCH_ROWS - len(batch)),
                ).fetchall()
                batch += map(make, found)
                if len(batch) < BATCH_ROWS:
                    break
                yield batch
                first = batch[-1].uid + 1
                batch = []
        if batch:
            yield batch

    async def row(self, mailbox: MailboxId, uid: Uid) -> MessageRow | None:
        row = self._reader.execute(
            f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid = ?", (self._names.row(mailbox), uid)
        ).fetchone()
        return None if row is None else self._names.message_row(row)

    async def changes(self, mailbox: MailboxId, since: ModSeq) -> Changes:
        row_id = self._names.row(mailbox)
        execute = self._reader.execute
        execute("BEGIN")
        try:
            head = self._head(mailbox, execute)
            if head.highest_modseq <= since:
                return Changes(head, [], [])
            changed = execute(
                f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND modseq > ? ORDER BY uid", (row_id, since)
            ).fetchall()
            expunged = execute(
                "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? ORDER BY uid", (row_id, since)
            ).fetchall()
        finally:
            execute("COMMIT")
        return Changes(head, [self._names.message_row(row) for row in changed], [Uid(row[0]) for row in expunged])

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
            "SELECT mailbox, uid FROM placement WHERE message = ?", (self._names.row(message),)
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
