"""Notes that a log has news for a group, and cursors: which timestamps decide.

A note is written before the change is published, at the ModSeq of the change; saving a cursor deletes notes at the cursor, so a note of a
later change stays whatever the order of the writes. A note whose change was never published stays too, and readers pass it over. The note
of a mailbox's deletion has the timestamp `END`, as have the deletions of all that a group has passed then.
"""

import zlib
from collections.abc import Iterable, Sequence
from functools import partial

from compostela.adapters.cassandra.listener_groups import KnownGroup, ListenerGroups
from compostela.adapters.cassandra.mailbox_log import LAST_TIMESTAMP as END
from compostela.adapters.cassandra.mailbox_log import persistently
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.concurrency import side_by_side
from compostela.core.events.model import LOG_END, LogId
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

BUCKETS = 16
SIDE_BY_SIDE = 32
_MAILBOX, _TREE = "m:", "u:"
_FORGOTTEN = END + 1
"""Timestamp of the deletion of a whole group."""
_NOTE = "INSERT INTO listener_news (listener, bucket, log) VALUES (?, ?, ?) USING TIMESTAMP ?"
_UNNOTE = "DELETE FROM listener_news USING TIMESTAMP ? WHERE listener = ? AND bucket = ? AND log = ?"
_IS_NOTED = "SELECT log FROM listener_news WHERE listener = ? AND bucket = ? AND log = ?"
_NOTES = "SELECT log FROM listener_news WHERE listener = ? AND bucket = ? AND log > ? LIMIT ?"
_CURSOR = "SELECT modseq FROM listener_cursor WHERE listener = ? AND bucket = ? AND log = ?"
_MOVE = "INSERT INTO listener_cursor (listener, bucket, log, modseq) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
_END_CURSOR = f"DELETE FROM listener_cursor USING TIMESTAMP {END} WHERE listener = ? AND bucket = ? AND log = ?"
_FORGET = tuple(
    f"DELETE FROM {table} USING TIMESTAMP {_FORGOTTEN} WHERE listener = ? AND bucket = ?"
    for table in ("listener_news", "listener_cursor")
)


class ListenerNews:
    """What stores of mailboxes tell of their changes, and what groups have read. All calls raise `TemporaryFailure`."""

    def __init__(self, session: CassandraSession, groups: ListenerGroups) -> None:
        self._session = session
        self.groups = groups

    # telling, before what is told is published

    async def mailbox_is_made(self, mailbox: str) -> None:
        """Its groups are told from the first change."""
        await self._begin(f"{_MAILBOX}{mailbox}", await self.groups.known())

    async def mailbox_changes(self, mailbox: str, modseq: int) -> None:
        await self._note(f"{_MAILBOX}{mailbox}", modseq, await self.groups.known())

    async def mailbox_ends(self, mailbox: str) -> bool:
        """Return False if there is no group."""
        groups = await self.groups.known()
        await self._note(f"{_MAILBOX}{mailbox}", END, groups)
        return bool(groups)

    async def tree_changes(self, user: str, modseq: int, *, is_new: bool) -> None:
        groups = [known for known in await self.groups.known() if known.group.follows_trees]
        if is_new:
            await self._begin(f"{_TREE}{user}", groups)
        await self._note(f"{_TREE}{user}", modseq, groups)

    async def _begin(self, log: str, groups: Iterable[KnownGroup]) -> None:
        await side_by_side([known.id for known in groups], lambda listener: self._move(listener, log, 0))

    async def _note(self, log: str, modseq: int, groups: Iterable[KnownGroup]) -> None:
        await side_by_side([known.id for known in groups], lambda listener: self._note_for(listener, log, modseq))

    async def _note_for(self, listener: str, log: str, modseq: int) -> None:
        await persistently(partial(self._session.write, _NOTE, listener, _bucket(log), log, modseq))

    async def seed(self, listener: str, log: LogId, head: int) -> None:
        """Note a log that the group has not passed, if it has not."""
        since = await self.cursor(listener, log)
        # a mailbox without changes has a ModSeq too
        unchanged = 0 if isinstance(log, Username) else FIRST_MODSEQ
        if since is None or max(since, unchanged) < head:
            await self._note_for(listener, _key(log), head)

    # reading

    async def cursor(self, listener: str, log: LogId) -> ModSeq | None:
        key = _key(log)
        row = await self._session.first(_CURSOR, listener, _bucket(key), key)
        return None if row is None else ModSeq(row[0])

    async def is_noted(self, listener: str, log: LogId) -> bool:
        key = _key(log)
        return await self._session.first(_IS_NOTED, listener, _bucket(key), key) is not None

    async def noted(self, listener: str, after: LogId | None, limit: int) -> Sequence[LogId]:
        """Logs with notes, in an order that does not change."""
        key = "" if after is None else _key(after)
        first = 0 if after is None else _bucket(key)

        async def of_bucket(bucket: int) -> list[str]:
            rows = await self._session.rows(_NOTES, listener, bucket, key if bucket == first else "", limit)
            return [row[0] for row in rows]

        found = await side_by_side(range(first, BUCKETS), of_bucket, BUCKETS)
        return [_log_of(one) for keys in found for one in keys][:limit]

    # saving

    async def save(self, listener: str, log: LogId, modseq: ModSeq) -> None:
        """The cursor first: a note without a change ahead of the cursor is passed over."""
        key = _key(log)
        place = (listener, _bucket(key), key)
        if modseq >= LOG_END:
            await persistently(partial(self._session.write, _END_CURSOR, *place))
        else:
            await self._move(listener, key, modseq)
        await persistently(partial(self._session.write, _UNNOTE, min(modseq, END), *place))

    async def _move(self, listener: str, log: str, modseq: int) -> None:
        # a cursor never goes back: the higher one has the later timestamp
        values = (listener, _bucket(log), log, modseq, modseq + 1)
        await persistently(partial(self._session.write, _MOVE, *values))

    async def forget(self, listener: str) -> None:
        """All of a group that was removed."""

        async def forget(bucket: int) -> None:
            for statement in _FORGET:
                await persistently(partial(self._session.write, statement, listener, bucket))

        await side_by_side(range(BUCKETS), forget, BUCKETS)


def _key(log: LogId) -> str:
    return f"{_TREE}{log.value}" if isinstance(log, Username) else f"{_MAILBOX}{log}"


def _log_of(key: str) -> LogId:
    name = key[len(_MAILBOX) :]
    return Username(name) if key.startswith(_TREE) else MailboxId(name)


def _bucket(log: str) -> int:
    return zlib.crc32(log.encode()) % BUCKETS
