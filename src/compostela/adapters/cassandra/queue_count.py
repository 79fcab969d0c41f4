"""How many entries a queue has: each node keeps what it put minus what it ended, and the sum is the size.

A node writes its own row before a call returns, so all nodes see it; calls at the same time share a write. After a failure the
node no longer knows its number, and counts the entries anew when it is asked.
"""

import asyncio
from collections.abc import Awaitable, Callable

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.errors import TemporaryFailure

_SAVE = "INSERT INTO queue_count (queue, node, balance) VALUES (?, ?, ?) USING TIMESTAMP ?"
_ALL = "SELECT node, balance FROM queue_count WHERE queue = ?"
_NAMES = "SELECT DISTINCT queue FROM queue_count"


class QueueCount:
    """The count of one queue, as one node has it."""

    def __init__(
        self, session: CassandraSession, queue: str, node: str, count_all: Callable[[], Awaitable[int]]
    ) -> None:
        """`count_all` counts the entries by looking at each."""
        self._session = session
        self._queue = queue
        self._node = node
        self._count_all = count_all
        self._own = 0
        self._version = 0
        self._saved = -1
        self._is_unsure = False
        self._saving = asyncio.Lock()

    async def change(self, entries: int) -> None:
        """Never raises: the entries are what counts."""
        self._own += entries
        self._version += 1
        await self._save(self._version)

    def be_unsure(self) -> None:
        """An entry may have been put or ended."""
        self._is_unsure = True

    async def total(self) -> int:
        """Raises `TemporaryFailure`."""
        if self._is_unsure:
            await self.recount()
        others = sum(row[1] for row in await self._session.rows(_ALL, self._queue) if row[0] != self._node)
        return max(int(others) + self._own, 0)

    async def recount(self) -> None:
        """Raises `TemporaryFailure`. What others put or end at the same moment may be missed: then the next recount is right."""
        self._is_unsure = False
        try:
            before = self._own
            others = sum(row[1] for row in await self._session.rows(_ALL, self._queue) if row[0] != self._node)
            entries = await self._count_all()
            await self.change(entries - others - before)
        except TemporaryFailure:
            self._is_unsure = True
            raise

    async def _save(self, version: int) -> None:
        async with self._saving:
            if self._saved >= version:
                return
            version = self._version
            try:
                await self._session.write(_SAVE, self._queue, self._node, self._own, version)
            except TemporaryFailure:
                # the next change writes it too
                self._is_unsure = True
            else:
                self._saved = version


async def counted_queues(session: CassandraSession) -> list[str]:
    """The names of the queues that were used."""
    return sorted(row[0] for row in await session.rows(_NAMES))
