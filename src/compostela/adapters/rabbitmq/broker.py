"""A broker over RabbitMQ: durable queues, publisher confirms, acknowledged by hand.

Each queue of ours is two of RabbitMQ's, one for urgent messages, since its quorum queues know no priorities before release 4. A message
that the broker hands out again is not sent back to it with `nack`: what an entry has been through is kept elsewhere. The connection is
kept by one task, which makes it again when it is lost and then goes on to consume what was consumed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractIncomingMessage, AbstractQueue

from compostela.adapters.rabbitmq.connection import ERRORS, disconnect, ended, keep_connected, until_closed
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure

_log = logging.getLogger(__name__)
DELIVERY_LIMIT = 1000
"""Times that RabbitMQ hands out one message. It drops the message then (release 4 does so after 20 if it is not told otherwise); the
sweeper of the queues finds the entry."""
Declare = Callable[[AbstractChannel, str], Awaitable[AbstractQueue]]


class RabbitMessage:
    """See `Handed` of the queues."""

    __slots__ = ("_message", "body", "is_redelivered")

    def __init__(self, message: AbstractIncomingMessage) -> None:
        self._message = message
        self.body = message.body
        self.is_redelivered = bool(message.redelivered)

    async def ack(self) -> None:
        if self._message.processed:
            return
        try:
            await self._message.ack()
        except ERRORS:
            pass  # the connection was lost: it comes again, and is found to be old


class _Consumer:
    """A queue that this process consumes, over channels of one connection after the other."""

    def __init__(
        self, queue: str, on_message: Callable[[RabbitMessage], None], on_lost: Callable[[], None], prefetch: int
    ) -> None:
        self.on_message = on_message
        self.on_lost = on_lost
        self.is_wanted = True
        self._queue = queue
        self._prefetch = prefetch
        self._channel: AbstractChannel | None = None
        self._tags: list[tuple[AbstractQueue, str]] = []
        self._changing = asyncio.Lock()

    async def follow(self, connection: AbstractConnection, declare: Declare) -> None:
        """Begins or ends to consume, as is wanted."""
        async with self._changing:
            if self.is_wanted and not self._tags:
                if self._channel is None:
                    self._channel = await connection.channel(publisher_confirms=False)
                    await self._channel.set_qos(prefetch_count=self._prefetch)
                for urgent in (True, False):
                    queue = await declare(self._channel, queue_name(self._queue, urgent=urgent))
                    self._tags.append((queue, await queue.consume(self._take)))
            elif not self.is_wanted:
                while self._tags:
                    queue, tag = self._tags.pop()
                    await queue.cancel(tag)

    def lose(self) -> None:
        """The connection was lost: the broker hands to others what was not acknowledged."""
        self._channel, self._tags = None, []
        self.on_lost()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self.on_message(RabbitMessage(message))


class RabbitBroker:
    """One connection. `start` begins to make it; until it is there, calls raise `TemporaryFailure`."""

    def __init__(self, settings: RabbitSettings, clock: Clock, prefetch: int) -> None:
        self._settings = settings
        self._prefetch = prefetch
        self._complaints = Complaints(_log, clock)
        self._connection: AbstractConnection | None = None
        self._publishing: AbstractChannel | None = None
        self._declared: set[str] = set()
        self._declaring = asyncio.Lock()
        self._consumers: dict[str, _Consumer] = {}
        self._is_changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(keep_connected(self._settings, self._complaints, self._use))

    async def close(self) -> None:
        if self._task is not None:
            await ended(self._task)
        await self._disconnect()

    async def check(self) -> None:
        """Raises `TemporaryFailure` when the broker is away."""
        self._channel()

    async def publish(self, queue: str, body: bytes, *, urgent: bool) -> None:
        name = queue_name(queue, urgent=urgent)
        try:
            async with asyncio.timeout(self._settings.publish_seconds):
                channel = self._channel()
                if name not in self._declared:
                    await self._declare(channel, name)
                    self._declared.add(name)
                message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
                await channel.default_exchange.publish(message, routing_key=name)
        except ERRORS as error:
            # it may have been deleted
            self._declared.discard(name)
            raise TemporaryFailure(f"RabbitMQ did not confirm a message: {error or type(error).__name__}") from error

    def consume(self, queue: str, on_message: Callable[[RabbitMessage], None], on_lost: Callable[[], None]) -> None:
        consumer = self._consumers.get(queue)
        if consumer is None:
            consumer = self._consumers[queue] = _Consumer(queue, on_message, on_lost, self._prefetch)
        consumer.is_wanted = True
        self._is_changed.set()

    async def stop_consuming(self, queue: str) -> None:
        """What was handed out may still be acknowledged."""
        consumer, connection = self._consumers.get(queue), self._connection
        if consumer is None:
            return
        consumer.is_wanted = False
        if connection is not None:
            try:
                await consumer.follow(connection, self._declare)
            except ERRORS as error:
                self._complaints.error("RabbitMQ goes on to hand out messages", error, queue=queue)

    async def ready(self, queue: str) -> int:
        try:
            async with asyncio.timeout(self._settings.publish_seconds):
                channel, total = self._channel(), 0
                for urgent in (True, False):
                    declared = await self._declare(channel, queue_name(queue, urgent=urgent))
                    total += declared.declaration_result.message_count or 0
                return total
        except ERRORS as error:
            raise TemporaryFailure(f"RabbitMQ cannot be asked: {error or type(error).__name__}") from error

    def _channel(self) -> AbstractChannel:
        channel = self._publishing
        if channel is None or channel.is_closed:
            raise TemporaryFailure("RabbitMQ is not connected")
        return channel

    async def _declare(self, channel: AbstractChannel, name: str) -> AbstractQueue:
        arguments: dict[str, str | int] = {}
        if self._settings.uses_quorum_queues:
            arguments = {"x-queue-type": "quorum", "x-delivery-limit": DELIVERY_LIMIT}
            if self._settings.replicas:
                arguments["x-quorum-initial-group-size"] = self._settings.replicas
        # RabbitMQ 3.10 may fail, and close the connection, when a quorum queue is declared twice at once
        async with self._declaring:
            return await channel.declare_queue(name, durable=True, arguments=dict(arguments))

    async def _use(self, connection: AbstractConnection) -> None:
        try:
            self._connection = connection
            async with asyncio.timeout(self._settings.connect_seconds):
                self._publishing = await connection.channel()
            await self._serve()
        finally:
            await self._disconnect()

    async def _serve(self) -> None:
        """Follows what is to be consumed until a channel is lost."""
        connection, channel = self._connection, self._channel()
        assert connection is not None
        closed = asyncio.ensure_future(until_closed(connection, channel))
        try:
            while not closed.done():
                self._is_changed.clear()
                for consumer in list(self._consumers.values()):
                    await consumer.follow(connection, self._declare)
                changed = asyncio.ensure_future(self._is_changed.wait())
                await asyncio.wait((closed, changed), return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
        finally:
            closed.cancel()
        raise ConnectionError("the connection to RabbitMQ was lost")

    async def _disconnect(self) -> None:
        connection, self._connection, self._publishing = self._connection, None, None
        self._declared.clear()
        if connection is None:
            return
        await disconnect(connection, self._settings, self._complaints)
        for consumer in self._consumers.values():
            consumer.lose()


def queue_name(queue: str, *, urgent: bool) -> str:
    """The name of a queue at the broker."""
    return f"compostela.{queue}.{'urgent' if urgent else 'usual'}"
