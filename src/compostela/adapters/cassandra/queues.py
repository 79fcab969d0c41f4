"""All mail queues of a cluster, as one node has them."""

import asyncio
import contextlib
import logging

from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.queue import ClusterQueue, QueueParts
from compostela.adapters.cassandra.queue_broker import Broker
from compostela.adapters.cassandra.queue_count import counted_queues
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_rows import QueueRows
from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.queue_turns import Turns
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.bodies import BodyStore

_log = logging.getLogger(__name__)

MAX_QUEUES = 1000
"""Queues of one process."""
_TAKE_LEASE = "UPDATE queue_lease USING TTL ? SET node = ? WHERE queue = ? IF node = null"
_KEEP_LEASE = "UPDATE queue_lease USING TTL ? SET node = ? WHERE queue = ? IF node = ?"


class ClusterQueues:
    """See `compostela.core.queue.ports`. `start` begins what goes on in the background; `close` is an orderly stop.

    `is_over` is asked about the entries of effects; without it only entries of queues are known."""

    def __init__(
        self,
        session: CassandraSession,
        broker: Broker,
        bodies: BodyStore,
        clock: Clock,
        settings: QueueSettings,
        is_over: IsOver | None = None,
        node: str = "",
    ) -> None:
        self._session = session
        self._settings = settings
        self._nodes = Nodes(
            session,
            node or new_id(),
            clock,
            beat_seconds=settings.beat_seconds,
            dead_after_seconds=settings.dead_after_seconds,
        )
        rows = QueueRows(session, bodies, clock)
        self._parts = QueueParts(rows, broker, self._nodes, Turns(), is_over or rows.is_over, clock, settings)
        self._queues: dict[str, ClusterQueue] = {}
        self._complaints = Complaints(_log, clock)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def rows(self) -> QueueRows:
        """For those that ask whether an entry is over."""
        return self._parts.rows

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(loop())
            for loop in (self._nodes.keep_beating, self._keep_looking_around, self._keep_sweeping)
        ]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(queue.close() for queue in self._queues.values()))
        with contextlib.suppress(TemporaryFailure):
            await self._nodes.end()

    def queue(self, name: str) -> ClusterQueue:
        found = self._queues.get(name)
        if found is None:
            if len(self._queues) >= MAX_QUEUES:
                raise TemporaryFailure(f"there are more than {MAX_QUEUES} queues")
            found = self._queues[name] = ClusterQueue(name, self._parts)
        return found

    async def names(self) -> list[str]:
        used = {queue.name for queue in self._queues.values() if queue.is_used}
        return sorted(used.union(await counted_queues(self._session)))

    async def sweep(self) -> int:
        """Of all queues, by this node. Return how many lost entries were found. Raises `TemporaryFailure`."""
        return sum([await self.queue(name).sweep() for name in await self.names()])

    async def _keep_looking_around(self) -> None:
        while True:
            for queue in list(self._queues.values()):
                try:
                    await queue.look_around()
                except Exception as error:
                    self._complaints.error("delayed entries cannot be looked at", error, queue=queue.name)
            await asyncio.sleep(self._settings.poll_seconds)

    async def _keep_sweeping(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_seconds)
            try:
                for name in await self.names():
                    if await self._has_lease(name):
                        await self.queue(name).sweep()
            except Exception as error:
                self._complaints.error("lost entries cannot be looked for", error)

    async def _has_lease(self, name: str) -> bool:
        """Whether this node sweeps the queue: it goes on to do so until it is away for three rounds."""
        seconds, own = int(3 * self._settings.sweep_seconds) + 1, self._nodes.own
        if (await self._session.write_if(_KEEP_LEASE, seconds, own, name, own)).applied:
            return True
        return (await self._session.write_if(_TAKE_LEASE, seconds, own, name)).applied
