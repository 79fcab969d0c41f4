"""Queues of one node, on the engines of the tests."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.queue_rows import QUEUED
from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.queues import ClusterQueues
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.clock import Clock
from compostela.base.errors import TemporaryFailure

SECONDS = 60.0
SETTINGS = QueueSettings(poll_seconds=0.05, beat_seconds=0.5, dead_after_seconds=60.0, sweep_seconds=3600.0)
"""A busy machine is no dead node: only nodes that are killed expire soon."""


@dataclass
class QueueNode:
    """The parts of a node that concern queues."""

    queues: ClusterQueues
    broker: RabbitBroker
    bodies: S3Blobs

    @classmethod
    async def start(
        cls,
        session: CassandraSession,
        uri: str,
        blobs: BlobSettings,
        folder: Path,
        clock: Clock,
        settings: QueueSettings = SETTINGS,
        entries: Entries | None = None,
    ) -> "QueueNode":
        bodies = S3Blobs(blobs, folder, clock, reserve_bytes=0)
        broker = RabbitBroker(RabbitSettings(uri), clock, settings.prefetch)
        entries = Entries() if entries is None else entries
        queues = ClusterQueues(session, broker, bodies, clock, settings, entries.is_over)
        entries.register(QUEUED, queues.rows.is_over)
        broker.start()
        node = cls(queues, broker, bodies)
        await node.is_connected()
        queues.start()
        return node

    async def is_connected(self) -> None:
        until = time.monotonic() + SECONDS
        while True:
            try:
                return await self.broker.check()
            except TemporaryFailure:
                assert time.monotonic() < until, "RabbitMQ does not answer"
                await asyncio.sleep(0.02)

    async def settled(self) -> None:
        """Waits until the broker has nothing that this node could have at hand."""
        queue = self.queues.queue("spool")
        queue.consume()
        until = time.monotonic() + SECONDS
        steady, last = 0, -1
        while steady < 3:
            try:
                ready = await self.broker.ready("spool")
            except TemporaryFailure:
                ready = 1
            steady = steady + 1 if not ready and queue.at_hand == last else 0
            last = queue.at_hand
            assert time.monotonic() < until, "the broker does not hand its messages out"
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        await self.queues.close()
        await self.broker.close()
