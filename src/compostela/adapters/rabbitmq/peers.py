"""Questions to all other nodes of a cluster, over a fanout exchange; each node answers to the queue of the one that asks.

Neither questions nor answers are kept by the broker. Which nodes there are is known from their hints, each of which comes at least
once a second: a question is done when all of these have answered.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import aio_pika
import msgspec
from aio_pika.abc import AbstractConnection, AbstractExchange, AbstractIncomingMessage

from compostela.adapters.rabbitmq.connection import ERRORS, disconnect, keep_connected, until_closed
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.connections.ports import Answering

_log = logging.getLogger(__name__)

EXCHANGE = "compostela.peers"
ANSWER_SECONDS = 5.0
"""How long the slowest node may take."""
MAX_QUESTIONS = 100
"""Of this node that wait for answers. More are refused as a temporary failure."""
MAX_WAITING_AT_BROKER = 1000
"""Questions and answers that wait for a node; the oldest are dropped."""


class _Message(msgspec.Struct, frozen=True, array_like=True):
    """A question, or the answer to one. `node` is the sender, `number` that of the question at the node that asks."""

    node: bytes
    number: int
    is_question: bool
    octets: bytes


_encoder = msgspec.msgpack.Encoder()
_messages = msgspec.msgpack.Decoder(_Message)


@dataclass(slots=True)
class _Question:
    missing: set[bytes]
    answers: list[bytes] = field(default_factory=list)
    is_done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class _Line:
    """An open connection."""

    exchange: AbstractExchange
    """To all nodes."""
    direct: AbstractExchange
    """To one, by the name of its queue."""
    queue: str


class RabbitPeers:
    """See `compostela.core.connections.ports`. `others` tells which nodes there are, and raises `TemporaryFailure`."""

    def __init__(self, settings: RabbitSettings, clock: Clock, node: bytes, others: Callable[[], set[bytes]]) -> None:
        self._settings = settings
        self._complaints = Complaints(_log, clock)
        self._node = node
        self._others = others
        self._answer: Answering | None = None
        self._line: _Line | None = None
        self._questions: dict[int, _Question] = {}
        self._asked = 0
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        async def serve(connection: AbstractConnection) -> None:
            try:
                await self._serve(connection)
            finally:
                self._line = None
                await disconnect(connection, self._settings, self._complaints)

        self._task = asyncio.create_task(keep_connected(self._settings, self._complaints, serve))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def serve(self, answer: Answering) -> None:
        self._answer = answer

    async def ask(self, question: bytes) -> list[bytes]:
        others, line = self._others(), self._line
        if not others:
            return []
        if line is None:
            raise TemporaryFailure("the other nodes cannot be asked: RabbitMQ is not connected")
        if len(self._questions) >= MAX_QUESTIONS:
            raise TemporaryFailure("too many questions to other nodes wait for answers")
        self._asked += 1
        number = self._asked
        asked = self._questions[number] = _Question(set(others))
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await line.exchange.publish(self._message(number, question, reply_to=line.queue), routing_key="")
                await asked.is_done.wait()
        except ERRORS as error:
            raise TemporaryFailure(f"{len(asked.missing)} of {len(others)} nodes have not answered") from error
        finally:
            del self._questions[number]
        return asked.answers

    def _message(self, number: int, question: bytes, reply_to: str) -> aio_pika.Message:
        octets = _encoder.encode(_Message(self._node, number, True, question))
        return aio_pika.Message(octets, reply_to=reply_to, delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)

    async def _serve(self, connection: AbstractConnection) -> None:
        async with asyncio.timeout(self._settings.connect_seconds):
            channel = await connection.channel(publisher_confirms=False)
            exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.FANOUT, durable=True)
            arguments: dict[str, str | int] = {"x-max-length": MAX_WAITING_AT_BROKER, "x-overflow": "drop-head"}
            queue = await channel.declare_queue(exclusive=True, auto_delete=True, arguments=dict(arguments))
            await queue.bind(exchange)
            await queue.consume(self._take, no_ack=True)
        self._line = _Line(exchange, channel.default_exchange, queue.name)
        await until_closed(connection, channel)
        raise ConnectionError("the connection to RabbitMQ was lost")

    async def _take(self, message: AbstractIncomingMessage) -> None:
        try:
            received = _messages.decode(message.body)
        except msgspec.DecodeError as error:
            self._complaints.error("a message of another node cannot be read", error)
            return
        if not received.is_question:
            self._note(received)
        elif received.node != self._node and message.reply_to:
            await self._reply(received, message.reply_to)

    def _note(self, answer: _Message) -> None:
        asked = self._questions.get(answer.number)
        if asked is None:
            return  # it came too late
        asked.missing.discard(answer.node)
        asked.answers.append(answer.octets)
        if not asked.missing:
            asked.is_done.set()

    async def _reply(self, question: _Message, queue: str) -> None:
        line = self._line
        if self._answer is None or line is None:
            return
        try:
            answer = _Message(self._node, question.number, False, self._answer(question.octets))
            message = aio_pika.Message(_encoder.encode(answer), delivery_mode=aio_pika.DeliveryMode.NOT_PERSISTENT)
            async with asyncio.timeout(self._settings.publish_seconds):
                await line.direct.publish(message, routing_key=queue)
        except ERRORS as error:
            self._complaints.error("another node's question cannot be answered", error)
        except msgspec.DecodeError as error:
            # of a node with another version
            self._complaints.error("another node's question is not understood", error)
