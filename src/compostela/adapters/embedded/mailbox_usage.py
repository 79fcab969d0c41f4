"""The usage of users: see `compostela.core.events.usage.UsageStore` for what it promises."""

from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.events.usage import Usage
from compostela.core.mailbox.model import MailboxHead
from compostela.model.numbers import MailboxId
from compostela.model.username import Username

_OWNER = "SELECT user FROM mailbox WHERE id = ?"
_RECORD = """INSERT INTO mailbox_usage VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (mailbox) DO UPDATE SET user = excluded.user,
    messages = excluded.messages, size_bytes = excluded.size_bytes, modseq = excluded.modseq
    WHERE excluded.modseq > mailbox_usage.modseq"""
_ASSIGN = "UPDATE mailbox_usage SET user = ? WHERE mailbox = ?"
_FORGET = "DELETE FROM mailbox_usage WHERE mailbox = ?"
_FORGET_OTHERS = "DELETE FROM mailbox_usage WHERE user = ?1 AND mailbox NOT IN (SELECT id FROM mailbox WHERE user = ?1)"
_RECOMPUTE = """INSERT OR REPLACE INTO mailbox_usage (mailbox, user, messages, size_bytes, modseq)
    SELECT id, user, messages, size_bytes, highest_modseq FROM mailbox WHERE user = ?"""
_OF_USER = "SELECT coalesce(sum(messages), 0), coalesce(sum(size_bytes), 0) FROM mailbox_usage WHERE user = ?"


class EmbeddedUsage:
    """A row for each mailbox; the usage of a user is their sum."""

    def __init__(self, writer: Writer, reader: Reader, names: Names) -> None:
        self._writer = writer
        self._reader = reader
        self._names = names

    async def record(self, mailbox: MailboxId, head: MailboxHead) -> None:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> None:
            owner = tx.execute(_OWNER, (row_id,)).fetchone()
            if owner is not None:
                tx.execute(_RECORD, (row_id, owner[0], head.messages, head.size_bytes, head.highest_modseq))

        await self._writer.run(job, frees_space=True)

    async def assign(self, mailbox: MailboxId) -> None:
        row_id = self._names.row(mailbox)

        def job(tx: Transaction) -> None:
            owner = tx.execute(_OWNER, (row_id,)).fetchone()
            if owner is not None:
                tx.execute(_ASSIGN, (owner[0], row_id))

        await self._writer.run(job, frees_space=True)

    async def forget(self, mailbox: MailboxId) -> None:
        await self._writer.execute(_FORGET, (self._names.row(mailbox),), frees_space=True)

    async def recompute(self, user: Username) -> None:
        def job(tx: Transaction) -> None:
            tx.execute(_FORGET_OTHERS, (user.value,))
            tx.execute(_RECOMPUTE, (user.value,))

        await self._writer.run(job, frees_space=True)

    async def of_user(self, user: Username) -> Usage:
        return Usage(*self._reader.execute(_OF_USER, (user.value,)).fetchone())
