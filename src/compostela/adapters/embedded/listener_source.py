"""What listeners read: see `compostela.core.events.ports.EventSource` for what it promises."""

from collections.abc import AsyncIterator

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.listener_rows import LOGGED_MAILBOX
from compostela.adapters.embedded.mailbox_log import page_of
from compostela.adapters.embedded.mailbox_rows import MAILBOX, PLACEMENT, Names, head_of, mailboxes_of
from compostela.adapters.embedded.mailbox_tree import read_tree
from compostela.adapters.embedded.reader import Reader
from compostela.core.events.model import FollowedMailbox
from compostela.core.mailbox.log import PAGE_ENTRIES, LogPage, TreePage
from compostela.core.mailbox.model import Mailbox, MessageRow, StoredMessage
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.username import Username

BATCH_ROWS = 1000
SHORT_BATCH = 100
"""The first batch is read on the loop, and so short; the others on a thread."""
_LIVING = f"SELECT {LOGGED_MAILBOX} FROM mailbox WHERE id = ?"
_HELD = f"SELECT {LOGGED_MAILBOX} FROM held_mailbox WHERE id = ?"
_MAILBOX_COLUMNS = MAILBOX.count(",") + 1
_ROWS = f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid > ? AND uid < ? ORDER BY uid LIMIT ?"
_TREE = "SELECT highest_modseq FROM tree WHERE user = ?"
_CONTENT = """SELECT m.structure, m.coding, m.header, b.id, b.size, b.digest FROM message m
    JOIN blob b ON b.id = m.body WHERE m.id = ?"""


class EmbeddedEventSource:
    """Deleted mailboxes and expunged messages are read from the rows that are held back for listener groups."""

    def __init__(self, reader: Reader, blobs: EmbeddedBlobs, names: Names) -> None:
        self._reader = reader
        self._blobs = blobs
        self._names = names

    async def read(self, mailbox: MailboxId, since: ModSeq | None, limit: int = PAGE_ENTRIES) -> FollowedMailbox | None:
        row_id = self._names.row(mailbox)
        with self._reader.snapshot() as execute:
            row, is_deleted = execute(_LIVING, (row_id,)).fetchone(), False
            if row is None:
                row, is_deleted = execute(_HELD, (row_id,)).fetchone(), True
            if row is None:
                return None
            head = head_of(row[_MAILBOX_COLUMNS:-1])
            if since is None:
                page = LogPage(head, [], ModSeq(0), complete=False)
            else:
                page = page_of(execute, self._names, row_id, head, row[-1], since, limit)
        return FollowedMailbox(self._names.mailbox_of(row[:_MAILBOX_COLUMNS]), page, is_deleted)

    async def rows(self, mailbox: MailboxId, below: Uid) -> AsyncIterator[list[MessageRow]]:
        row_id, after = self._names.row(mailbox), 0

        def read(execute: Execute, limit: int = BATCH_ROWS) -> list[MessageRow]:
            return self._names.message_rows(execute(_ROWS, (row_id, after, below, limit)).fetchall())

        batch = read(self._reader.execute, SHORT_BATCH)
        limit = SHORT_BATCH
        while batch:
            yield batch
            if len(batch) < limit:
                return
            after, limit = batch[-1].uid, BATCH_ROWS
            batch = await self._reader.scan(read)

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage:
        with self._reader.snapshot() as execute:
            return read_tree(execute, self._names, user, since, limit)

    async def of_user(self, user: Username) -> tuple[list[Mailbox], ModSeq]:
        with self._reader.snapshot() as execute:
            mailboxes = mailboxes_of(execute, self._names, user)
            row = execute(_TREE, (user.value,)).fetchone()
        return mailboxes, ModSeq(0 if row is None else row[0])

    async def content(self, message: MessageId) -> StoredMessage | None:
        row = self._reader.execute(_CONTENT, (self._names.row(message),)).fetchone()
        if row is None:
            return None
        structure, *content = row
        return StoredMessage(self._blobs.content(*content), structure)
