"""Statements on trees of mailboxes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from compostela.adapters.cassandra.listener_news import ListenerNews
from compostela.adapters.cassandra.mailbox_log import pause, settled, to_the_end
from compostela.adapters.cassandra.mailbox_publisher import CONFLICTS, new_token
from compostela.adapters.cassandra.mailbox_states import TRIES
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.errors import TemporaryFailure
from compostela.core.events.model import LogId
from compostela.core.mailbox.log import TreeEntry, TreePage
from compostela.core.mailbox.log_and_pages.tree import (
    DyingMailbox,
    StoredChange,
    StoredChanges,
    StoredMailbox,
    TreeHead,
    key_of,
    path_of,
)
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import ModSeq
from compostela.model.username import Username

_MAILBOX, _SUBSCRIPTION, _LOG, _DYING = range(4)
_HEAD = "SELECT DISTINCT user, revision, head FROM mailbox_tree WHERE user = ?"
_ALL = "SELECT DISTINCT user, revision, head FROM mailbox_tree"
_USERS = "SELECT DISTINCT user FROM mailbox_tree LIMIT ?"
_USERS_AFTER = "SELECT DISTINCT user FROM mailbox_tree WHERE token(user) > token(?) LIMIT ?"
_ROW = "SELECT value FROM mailbox_tree WHERE user = ? AND kind = ? AND k = ?"
_ROWS = "SELECT k, value FROM mailbox_tree WHERE user = ? AND kind = ?"
_ENTRIES = "SELECT k, value FROM mailbox_tree WHERE user = ? AND kind = 2 AND k > ? AND k <= ?"
_FIRST = "UPDATE mailbox_tree SET revision = 1, head = ? WHERE user = ? IF revision = null"
_NEXT = "UPDATE mailbox_tree SET revision = ?, head = ? WHERE user = ? IF revision = ?"
_INSERT = "INSERT INTO mailbox_tree (user, kind, k, value) VALUES (?, ?, ?, ?)"
_DELETE = "DELETE FROM mailbox_tree WHERE user = ? AND kind = ? AND k = ?"
_TRIM = "DELETE FROM mailbox_tree WHERE user = ? AND kind = 2 AND k <= ?"

_encoder = msgspec.msgpack.Encoder()
_heads = msgspec.msgpack.Decoder(TreeHead)
_mailboxes = msgspec.msgpack.Decoder(StoredMailbox)
_dying = msgspec.msgpack.Decoder(DyingMailbox)
_changes = msgspec.msgpack.Decoder(StoredChanges)


@dataclass(frozen=True, slots=True)
class TreeWrite:
    """What one step changes. `head` is the one that it was planned on; a step without entries takes no ModSeq."""

    head: TreeHead
    entries: Sequence[StoredChange] = ()
    mailboxes: Mapping[MailboxPath, StoredMailbox] = field(default_factory=dict)
    gone: Sequence[MailboxPath] = ()
    subscribe: str | None = None
    unsubscribe: str | None = None
    dying: DyingMailbox | None = None
    dead: str | None = None

    def statements(self, user: str, revision: int | None, token: bytes) -> list[Statement]:
        head = self.head.after_change() if self.entries else self.head
        octets = _encoder.encode(head)
        written = [
            Statement(_FIRST, (octets, user))
            if revision is None
            else Statement(_NEXT, (revision + 1, octets, user, revision))
        ]
        for path, mailbox in self.mailboxes.items():
            written.append(Statement(_INSERT, (user, _MAILBOX, key_of(path), _encoder.encode(mailbox))))
        written += [Statement(_DELETE, (user, _MAILBOX, key_of(path))) for path in self.gone]
        if self.subscribe is not None:
            written.append(Statement(_INSERT, (user, _SUBSCRIPTION, self.subscribe, b"")))
        if self.unsubscribe is not None:
            written.append(Statement(_DELETE, (user, _SUBSCRIPTION, self.unsubscribe)))
        if self.dying is not None:
            written.append(Statement(_INSERT, (user, _DYING, self.dying.mailbox.id, _encoder.encode(self.dying))))
        if self.dead is not None:
            written.append(Statement(_DELETE, (user, _DYING, self.dead)))
        if self.entries:
            changes = StoredChanges(token, tuple(self.entries))
            written.append(Statement(_INSERT, (user, _LOG, _key(head.modseq), _encoder.encode(changes))))
        if head.floor > self.head.floor:
            written.append(Statement(_TRIM, (user, _key(head.floor))))
        return written


class MailboxTreeTable:
    def __init__(self, session: CassandraSession, news: ListenerNews | None = None) -> None:
        self._session = session
        self._news = news

    # reading

    async def head(self, user: Username) -> tuple[int | None, TreeHead]:
        """Also the revision; None for a user without a tree."""
        row = await self._session.first(_HEAD, user.value)
        if row is None or row[1] is None:
            return None, TreeHead()
        return row[1], _heads.decode(row[2])

    async def all(self) -> AsyncIterator[list[tuple[LogId, int]]]:
        """All users with trees, and the highest ModSeqs of these, in no order."""
        async for page in self._session.pages(_ALL):
            yield [(Username(user), _heads.decode(head).modseq) for user, _, head in page if head is not None]

    async def users(self, after: str, limit: int) -> tuple[list[Username], str | None]:
        """At most `limit` users after one, in the order of the partitions; also where to go on, None after the last."""
        rows = await (self._session.rows(_USERS_AFTER, after, limit) if after else self._session.rows(_USERS, limit))
        return [Username(user) for (user,) in rows], rows[-1][0] if len(rows) == limit else None

    async def find(self, path: MailboxPath) -> StoredMailbox | None:
        row = await self._session.first(_ROW, path.user.value, _MAILBOX, key_of(path))
        return None if row is None else _mailboxes.decode(row[0])

    async def mailboxes(self, user: Username) -> dict[MailboxPath, StoredMailbox]:
        rows = await self._session.rows(_ROWS, user.value, _MAILBOX)
        return {path_of(key, user): _mailboxes.decode(value) for key, value in rows}

    async def dying(self, user: Username) -> dict[str, DyingMailbox]:
        """Mailboxes whose removal has begun, by id."""
        rows = await self._session.rows(_ROWS, user.value, _DYING)
        return {key: _dying.decode(value) for key, value in rows}

    async def is_subscribed(self, user: Username, name: str) -> bool:
        return await self._session.first(_ROW, user.value, _SUBSCRIPTION, name) is not None

    async def subscriptions(self, user: Username) -> list[str]:
        return sorted(key for key, _ in await self._session.rows(_ROWS, user.value, _SUBSCRIPTION))

    async def page(self, user: Username, since: int, limit: int) -> TreePage:
        _, head = await self.head(user)
        highest = ModSeq(head.modseq)
        if since >= head.modseq:
            return TreePage(highest, [], highest)
        if since < head.floor:
            return TreePage(highest, [], ModSeq(since), complete=False)
        entries: list[TreeEntry] = []
        until = since
        for modseq, changes in await self._log(user, since, head.modseq):
            if entries and len(entries) + len(changes.entries) > limit:
                return TreePage(highest, entries, ModSeq(until))
            entries += [change.outside(user, modseq) for change in changes.entries]
            until = modseq
        return TreePage(highest, entries, highest)

    async def _log(self, user: Username, after: int, until: int) -> list[tuple[int, StoredChanges]]:
        """Each ModSeq, none left out: a read of several replicas is no snapshot."""
        for _ in range(TRIES):
            rows = await self._session.rows(_ENTRIES, user.value, _key(after), _key(until))
            found = [(int(key, 16), _changes.decode(value)) for key, value in rows]
            if [modseq for modseq, _ in found] == list(range(after + 1, until + 1)):
                return found
            if (await self.head(user))[1].floor > after:
                break
            await pause()
        raise TemporaryFailure("the log of the mailboxes has a hole")

    # writing

    async def change(self, user: Username, plan: Callable[[TreeHead], Awaitable[TreeWrite | None]]) -> None:
        """One step. `plan` reads what it needs after the head was read, so that what it read holds if the step is applied; None
        if there is nothing to do. Raises what `plan` raises, and `TemporaryFailure`."""
        token = new_token()
        for _ in range(CONFLICTS):
            revision, head = await self.head(user)
            write = await plan(head)
            if write is None:
                return
            if self._news is not None and write.entries:
                await self._news.tree_changes(user.value, head.modseq + 1, is_new=revision is None)
            outcome, is_unclear = await to_the_end(
                settled(self._session, write.statements(user.value, revision, token))
            )
            if outcome.applied:
                return
            if is_unclear and write.entries and await self._is_in_log(user, head.modseq, token):
                return
            await pause()
        raise TemporaryFailure("other nodes change the user's mailboxes too fast")

    async def _is_in_log(self, user: Username, after: int, token: bytes) -> bool:
        _, head = await self.head(user)
        if head.floor > after:
            raise TemporaryFailure("it is not known whether the mailboxes were changed")
        return any(changes.token == token for _, changes in await self._log(user, after, head.modseq))


def _key(modseq: int) -> str:
    return f"{modseq:016x}"
