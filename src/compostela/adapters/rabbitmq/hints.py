"""Hints between nodes that a mailbox has changed, over a fanout exchange.

Hints are collected for 10 ms and sent as one batch, which is not kept by the broker and not confirmed. Batches of a node are
numbered, and each second one goes out even if it is empty. So a node that misses a batch learns of it from the next one, and looks
at all that it watches. It does so after it was connected, too. Nodes look at a moment of their own, so that they do not all read at once.
"""

import asyncio
import logging
import os
import random
from collections.abc import Awaitable, Callable

import aio_pika
import msgspec
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage
from cachetools import FIFOCache

from compostela.adapters.rabbitmq.connection import disconnect, ended, keep_connected, until_closed
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.model.numbers import MailboxId, ModSeq

_log = logging.getLogger(__name__)

EXCHANGE = "compostela.hints"
BATCH_SECONDS = 0.01
HEARTBEAT_SECONDS = 1.0
ALIVE_SECONDS = 3.0
"""A node that is silent for longer is not counted among the living."""
MISSED_SECONDS = 600.0
"""For so long a node that fell silent may be at work without a way to the broker."""
LOOK_WITHIN_SECONDS = 5.0
MAX_HINTS_OF_A_BATCH = 1000
MAX_WAITING = 10_000
"""Mailboxes whose hints wait to be sent. With more all are dropped, and the other nodes look for themselves."""
MAX_BATCHES_AT_BROKER = 10_000
"""Batches that wait for a node; the oldest are dropped."""
MAX_NODES = 1000
"""Nodes whose batches are followed. Above it the node that has been silent for longest is forgotten."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """`sequence` counts from 1 in each process. A hint is the highest ModSeq of a mailbox; None: it is deleted."""

    node: bytes
    sequence: int
    hints: tuple[tuple[str, int | None], ...]


_encoder = msgspec.msgpack.Encoder()
_batches = msgspec.msgpack.Decoder(Batch)


class OutgoingHints:
    """What waits to be told to other nodes. Of several hints for a mailbox the last goes."""

    def __init__(self, max_waiting: int = MAX_WAITING) -> None:
        self.node = os.urandom(8)
        self._max_waiting = max_waiting
        self._sequence = 0
        self._waiting: dict[str, int | None] = {}
        self.has_some = asyncio.Event()

    def tell(self, mailbox: MailboxId, modseq: ModSeq | None) -> None:
        self._waiting[mailbox] = modseq
        if len(self._waiting) > self._max_waiting:
            self._waiting.clear()
            # a number that never comes: the other nodes find a gap
            self._sequence += 1
        self.has_some.set()

    def take(self) -> Batch:
        """The next batch, maybe an empty one. One that is taken and not sent leaves a gap."""
        taken = list(self._waiting.items())[:MAX_HINTS_OF_A_BATCH]
        for mailbox, _ in taken:
            del self._waiting[mailbox]
        if not self._waiting:
            self.has_some.clear()
        self._sequence += 1
        return Batch(self.node, self._sequence, tuple(taken))


class HeardNodes:
    """The last batch of each other node."""

    def __init__(self, max_nodes: int = MAX_NODES) -> None:
        self._last: FIFOCache[bytes, tuple[int, float]] = FIFOCache(max_nodes)

    def follows(self, batch: Batch, now: float = 0.0) -> bool:
        """Whether no batch of the node is missing before this one. `now` in monotonic seconds."""
        last, _ = self._last.get(batch.node, (0, 0.0))
        self._last[batch.node] = (batch.sequence, now)
        return batch.sequence == last + 1

    def since(self, moment: float) -> set[bytes]:
        """The nodes that have been heard of since a moment, in monotonic seconds."""
        return {node for node, (_, at) in self._last.items() if at >= moment}


class RabbitHints:
    """`tell` sends a hint; after `start` those of others come to `heard`. While the broker is away no hints come."""

    def __init__(
        self, settings: RabbitSettings, clock: Clock, look_within_seconds: float = LOOK_WITHIN_SECONDS
    ) -> None:
        self._settings = settings
        self._look_within_seconds = look_within_seconds
        self._complaints = Complaints(_log, clock)
        self._clock = clock
        self._heard: HeardNodes | None = None
        self._connected_at = 0.0
        self._outgoing = OutgoingHints()
        self._must_look = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def node(self) -> bytes:
        """The name of this process."""
        return self._outgoing.node

    def others(self) -> set[bytes]:
        """The nodes that have been heard of in the last `ALIVE_SECONDS`. Raises `TemporaryFailure` while there is no connection, and
        in the first `ALIVE_SECONDS` of one."""
        now = self._clock.monotonic()
        if self._heard is None or now - self._connected_at < ALIVE_SECONDS:
            raise TemporaryFailure(
                "it is not known yet which other nodes there are: RabbitMQ is not connected for long enough"
            )
        return self._heard.since(now - ALIVE_SECONDS)

    def come(self) -> bool:
        """Whether the hints of all nodes come that have been heard of in the last `MISSED_SECONDS`."""
        now = self._clock.monotonic()
        if self._heard is None or now - self._connected_at < ALIVE_SECONDS:
            return False
        return self._heard.since(now - ALIVE_SECONDS) == self._heard.since(now - MISSED_SECONDS)

    def tell(self, mailbox: MailboxId, modseq: ModSeq | None) -> None:
        """The mailbox has changed up to this ModSeq, or is deleted (None)."""
        self._outgoing.tell(mailbox, modseq)

    def start(
        self, heard: Callable[[MailboxId, ModSeq | None], None], look_again: Callable[[], Awaitable[None]]
    ) -> None:
        """`look_again` is called after hints may have been lost; if it fails it is called again."""

        async def serve(connection: AbstractConnection) -> None:
            try:
                await self._serve(connection, heard)
            finally:
                await disconnect(connection, self._settings, self._complaints)

        self._tasks = [
            asyncio.create_task(keep_connected(self._settings, self._complaints, serve)),
            asyncio.create_task(self._look(look_again)),
        ]

    async def close(self) -> None:
        await asyncio.gather(*map(ended, self._tasks))

    async def _serve(self, connection: AbstractConnection, heard: Callable[[MailboxId, ModSeq | None], None]) -> None:
        nodes = HeardNodes()

        async def take(message: AbstractIncomingMessage) -> None:
            self._take(message.body, nodes, heard)

        async with asyncio.timeout(self._settings.connect_seconds):
            channel = await connection.channel(publisher_confirms=False)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=True)
            arguments: dict[str, str | int] = {"x-max-length": MAX_BATCHES_AT_BROKER, "x-overflow": "drop-head"}
            queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments=dict(arguments))
            await queue.bind(exchange)
            await queue.consume(take, no_ack=True)
        self._must_look.set()
        self._heard, self._connected_at = nodes, self._clock.monotonic()
        try:
            await self._send_until_closed(connection, channel, exchange)
        finally:
            self._heard = None

    async def _send_until_closed(
        self, connection: AbstractConnection, channel: AbstractChannel, exchange: aio_pika.abc.AbstractExchange
    ) -> None:
        closed = asyncio.ensure_future(until_closed(connection, channel))
        try:
            while not closed.done():
                batch = self._outgoing.take()
                message = aio_pika.Message(_encoder.encode(batch), delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)
                async with asyncio.timeout(self._settings.publish_seconds):
                    await exchange.publish(message, routing_key="")
                some = asyncio.ensure_future(self._outgoing.has_some.wait())
                await asyncio.wait((closed, some), timeout=HEARTBEAT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                some.cancel()
                await asyncio.sleep(BATCH_SECONDS)
        finally:
            closed.cancel()
        raise ConnectionError("the connection to RabbitMQ was lost")

    def _take(self, body: bytes, nodes: HeardNodes, heard: Callable[[MailboxId, ModSeq | None], None]) -> None:
        try:
            batch = _batches.decode(body)
        except msgspec.DecodeError as error:
            self._complaints.error("a hint of another node cannot be read", error)
            self._must_look.set()
            return
        if batch.node == self._outgoing.node:
            return
        if not nodes.follows(batch, self._clock.monotonic()):
            self._must_look.set()
        for mailbox, modseq in batch.hints:
            heard(MailboxId(mailbox), None if modseq is None else ModSeq(modseq))

    async def _look(self, look_again: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._must_look.wait()
            await asyncio.sleep(random.uniform(0.0, self._look_within_seconds))
            self._must_look.clear()
            try:
                await look_again()
            except Exception as error:
                # later hints may be lost too, so this goes on
                self._complaints.error("watched mailboxes cannot be read", error)
                self._must_look.set()
                await asyncio.sleep(self._look_within_seconds)
