"""Deleted mailboxes that listener groups have not passed: what a row tells of each. Its messages are in its pages, its log in its kept log.

The row is written before the log goes, at the revision on which the log goes: the row of the last try is that of the deletion.
"""

from collections.abc import AsyncIterator
from functools import partial

import msgspec

from compostela.adapters.cassandra.mailbox_log import LAST_TIMESTAMP, persistently
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.tree import StoredMailbox
from compostela.core.mailbox.model import Mailbox
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, UidValidity
from compostela.model.username import Username

_HOLD = "INSERT INTO held_mailbox (mailbox, value) VALUES (?, ?) USING TIMESTAMP ?"
_RELEASE = f"DELETE FROM held_mailbox USING TIMESTAMP {LAST_TIMESTAMP + 1} WHERE mailbox = ?"
_FIND = "SELECT value FROM held_mailbox WHERE mailbox = ?"
_ALL = "SELECT mailbox, value FROM held_mailbox"


class HeldMailbox(msgspec.Struct, frozen=True, array_like=True):
    """`head` is the last one; all of it is projected. With `is_cut` messages and log are gone."""

    mailbox: StoredMailbox
    user: str
    path: tuple[str, str]
    head: Head
    deleted_at: int
    is_cut: bool = False

    def outside(self) -> Mailbox:
        path = MailboxPath(self.path[0], Username(self.user), self.path[1])
        return Mailbox(MailboxId(self.mailbox.id), path, UidValidity(self.mailbox.uid_validity))


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(HeldMailbox).decode


class HeldMailboxTable:
    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def hold(self, held: HeldMailbox, revision: int) -> None:
        await self._write(held, revision)

    async def cut(self, held: HeldMailbox) -> None:
        await self._write(msgspec.structs.replace(held, is_cut=True), LAST_TIMESTAMP)

    async def _write(self, held: HeldMailbox, timestamp: int) -> None:
        await persistently(partial(self._session.write, _HOLD, held.mailbox.id, _encode(held), timestamp))

    async def release(self, mailbox: str) -> None:
        await persistently(partial(self._session.write, _RELEASE, mailbox))

    async def find(self, mailbox: str) -> HeldMailbox | None:
        row = await self._session.first(_FIND, mailbox)
        return None if row is None or row[0] is None else _decode(row[0])

    async def all(self) -> AsyncIterator[list[HeldMailbox]]:
        async for page in self._session.pages(_ALL, size=100):
            yield [_decode(value) for _, value in page if value is not None]
