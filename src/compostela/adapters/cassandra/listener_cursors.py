"""Listener groups and their cursors: see `compostela.core.events.ports.CursorStore` for what it promises.

A new group is given all logs at once, and a second time after every process knows it and what was under way is published:
what changed in between without a note is noted then. A node that dies in between leaves the group unseeded, and the next that
registers it goes on.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from functools import partial

from compostela.adapters.cassandra.listener_groups import STALE_SECONDS, KnownGroup
from compostela.adapters.cassandra.listener_news import SIDE_BY_SIDE, ListenerNews
from compostela.adapters.cassandra.mailbox_log import REPEAT_SECONDS, MailboxLogTable
from compostela.adapters.cassandra.mailbox_tree import MailboxTreeTable
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.events.model import LOG_END, Group, LogId, Pending
from compostela.model.numbers import ModSeq
from compostela.model.username import Username

_log = logging.getLogger(__name__)

SETTLE_SECONDS = STALE_SECONDS + 4 * REPEAT_SECONDS
"""When every process knows a new group, and what was published without knowing it is over: a publish is sent again for
`REPEAT_SECONDS`, and its last request may take its time."""


class CassandraCursors:
    """The order of pending logs is that of their partitions. Cursors of a call are saved one by one."""

    def __init__(
        self,
        news: ListenerNews,
        mailboxes: MailboxLogTable,
        trees: MailboxTreeTable,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._news = news
        self._groups = news.groups
        self._mailboxes = mailboxes
        self._trees = trees
        self._settle_seconds = settle_seconds
        self._seeding: dict[str, asyncio.Task[None]] = {}

    async def register(self, group: Group) -> None:
        known = await self._groups.put(group)
        if not known.is_seeded and known.id not in self._seeding:
            await self._seed(known)
            task = self._seeding[known.id] = asyncio.create_task(self._seed_again(known))
            task.add_done_callback(lambda _: self._seeding.pop(known.id, None))

    async def _seed_again(self, known: KnownGroup) -> None:
        await asyncio.sleep(self._settle_seconds)
        try:
            await self._seed(known)
            await self._groups.note_seeded(known)
        except TemporaryFailure as error:
            _log.warning(
                "a listener group is given its logs at the next start: group=%s error=%s", known.group.name, error
            )
        except Exception:
            _log.exception("a listener group could not be given its logs: group=%s", known.group.name)

    async def _seed(self, known: KnownGroup) -> None:
        logs = [self._mailboxes.all(), self._trees.all()] if known.group.follows_trees else [self._mailboxes.all()]
        for pages in logs:
            await self._seed_from(known.id, pages)

    async def _seed_from(self, listener: str, pages: AsyncIterator[list[tuple[LogId, int]]]) -> None:
        async for page in pages:
            await side_by_side(page, lambda one: self._news.seed(listener, *one), SIDE_BY_SIDE)

    async def close(self) -> None:
        seeding = list(self._seeding.values())
        for task in seeding:
            task.cancel()
        await asyncio.gather(*seeding, return_exceptions=True)

    async def groups(self) -> list[Group]:
        return [known.group for known in await self._groups.all()]

    async def remove(self, group: str) -> None:
        removed = await self._groups.remove(group)
        if removed is not None:
            await self._news.forget(removed.id)

    async def acquire(self, group: str) -> bool:
        return await self._groups.acquire(group)

    async def release(self, group: str) -> None:
        await self._groups.release(group)

    async def unattended(self) -> list[str]:
        return [known.group.name for known in await self._groups.all() if known.owner is None]

    async def pending(self, group: str, after: LogId | None = None, limit: int = 100) -> list[Pending]:
        known = await self._groups.find(group)
        found: list[Pending] = []
        while known is not None and len(found) < limit:
            listener, wanted = known.id, limit - len(found)
            logs = await self._news.noted(listener, after, wanted)
            looked = await side_by_side(logs, partial(self._pending, listener), SIDE_BY_SIDE)
            found += [one for one in looked if one is not None]
            if len(logs) < wanted:
                break
            after = logs[-1]
        return found

    async def _pending(self, listener: str, log: LogId) -> Pending | None:
        """None for a note whose change was not published, or is not yet."""
        since = await self._news.cursor(listener, log)
        head = await self._head(log)
        return None if since is not None and since >= head else Pending(log, since, head)

    async def _head(self, log: LogId) -> ModSeq:
        if isinstance(log, Username):
            return ModSeq((await self._trees.head(log))[1].modseq)
        try:
            return ModSeq((await self._mailboxes.head(log))[1].modseq)
        except NotFound:
            return LOG_END

    async def save(self, group: str, cursors: Mapping[LogId, ModSeq]) -> bool:
        known = await self._groups.owned(group)
        if known is None:
            return False
        listener = known.id
        await side_by_side(list(cursors.items()), lambda one: self._news.save(listener, *one), SIDE_BY_SIDE)
        return True
