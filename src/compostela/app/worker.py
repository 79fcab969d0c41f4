"""A worker process: what it inherits from the supervisor, and its end of the channel. See `compostela.app.supervisor.messages`."""

import asyncio
import json
import logging
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field

from compostela.app.supervisor.messages import (
    ALIVE_SECONDS,
    MAX_LINE_BYTES,
    WORKER_VARIABLE,
    Message,
    decode,
    encode,
)
from compostela.base.siblings import NO_RESTART, Answer, Json, RestartRefused, RollingRestart

_log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.0
"""How long a question waits for the answers of the others."""
RESTART_SECONDS = 55.0
"""How long reading the configuration for a rolling restart may take, as this worker sees it: the command waits for a minute."""
MAX_ANSWER_BYTES = MAX_LINE_BYTES - 1024
"""The supervisor passes an answer on in a longer message."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What the supervisor hands to a worker."""

    number: int
    is_first: bool
    """Whether it is the one that greets the operator."""
    channel: socket.socket
    table: int
    """See `compostela.base.worker_table`."""
    sockets: dict[str, socket.socket]
    """See `compostela.base.listening.socket_key`."""


def inherited(environment: MutableMapping[str, str] = os.environ) -> Inheritance:
    """Call it once. Raises `KeyError` in a process that no supervisor has started."""
    told = json.loads(environment.pop(WORKER_VARIABLE))
    for descriptor in (told["channel"], told["table"], *told["sockets"].values()):
        os.set_inheritable(descriptor, False)
    sockets = {key: socket.socket(fileno=descriptor) for key, descriptor in told["sockets"].items()}
    channel = socket.socket(fileno=told["channel"])
    return Inheritance(told["number"], told["is_first"], channel, told["table"], sockets)


@dataclass(slots=True)
class _Question:
    """Open until each of `asked` has answered or ended."""

    asked: set[int] | None = None
    answers: dict[int, Json] = field(default_factory=dict)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self, living: set[int] | None = None) -> None:
        """Close the question if all have answered. `living` are the workers that may still answer; the others are not waited for."""
        if self.asked is not None and living is not None:
            self.asked &= living | self.answers.keys()
        if self.asked is not None and self.asked <= self.answers.keys():
            self.is_over.set()


class SupervisedWorker:
    """The other workers, by way of the supervisor: see `compostela.base.siblings.Siblings`."""

    def __init__(
        self,
        channel: socket.socket,
        *,
        lead: Callable[[], None],
        drain: Callable[[], Awaitable[None]],
        orphaned: Callable[[], None],
    ) -> None:
        """`lead` is called when this worker becomes the leader, `drain` when other workers have taken its place, `orphaned` when the
        supervisor is gone."""
        self._channel = channel
        self._lead = lead
        self._drain = drain
        self._orphaned = orphaned
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[str, Answer] = {}
        self._questions: dict[int, _Question] = {}
        self._restarts: dict[int, asyncio.Future[str | None]] = {}
        self._next = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.missing = 0
        self.last_restart = NO_RESTART

    async def start(self) -> None:
        """Begins to listen to the supervisor."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._channel, limit=MAX_LINE_BYTES)
        self._begin(self._listen(reader))
        self._begin(self._show_life())

    def ready(self) -> None:
        """Connections are taken."""
        self._send({"is": "ready"})

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None:
            self._writer.close()

    async def ask(self, topic: str, body: Json = None) -> list[Json]:
        number, question = self._number(), _Question()
        self._questions[number] = question
        self._send({"is": "ask", "id": number, "topic": topic, "body": body})
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await question.is_over.wait()
        except TimeoutError:
            _log.warning("not all workers have answered", extra={"topic": topic})
            silent = {None} if question.asked is None else question.asked - question.answers.keys()
            return [*question.answers.values(), *(None for _ in silent)]
        finally:
            del self._questions[number]
        return list(question.answers.values())

    def answer(self, topic: str, answer: Answer) -> None:
        self._answers[topic] = answer

    async def restart(self) -> None:
        number = self._number()
        waiting = self._restarts[number] = asyncio.get_running_loop().create_future()
        self._send({"is": "restart", "id": number})
        try:
            async with asyncio.timeout(RESTART_SECONDS):
                problem = await waiting
        except TimeoutError:
            problem = "the supervisor does not answer"
        finally:
            del self._restarts[number]
        if problem is not None:
            raise RestartRefused(problem)

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _send(self, message: Message) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _show_life(self) -> None:
        while True:
            self._send({"is": "alive"})
            await asyncio.sleep(ALIVE_SECONDS)

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._take(decode(line))
        except (ValueError, KeyError, TypeError):
            _log.exception("a message of the supervisor cannot be read")
        except OSError as error:
            _log.debug("the channel to the supervisor is broken", extra={"reason": str(error)})
        _log.error("the supervisor is gone: this worker ends")
        self._orphaned()

    def _take(self, message: Message) -> None:
        match message["is"]:
            case "lead":
                self._lead()
            case "drain":
                self._begin(self._drain())
            case "workers":
                self.missing, self.last_restart = message["missing"], RollingRestart(**message["restart"])
                for one in self._questions.values():
                    one.look(set(message["living"]))
            case "asked":
                self._begin(self._reply(message))
            case "asking" if question := self._questions.get(message["id"]):
                question.asked = set(message["workers"])
                question.look()
            case "answered" if question := self._questions.get(message["id"]):
                question.answers[message["from"]] = message["body"]
                question.look()
            case "restarting" if (waiting := self._restarts.get(message["id"])) and not waiting.done():
                waiting.set_result(message["problem"])

    async def _reply(self, message: Message) -> None:
        body: Json = None
        try:
            body = await self._answers[message["topic"]](message["body"])
        except Exception:
            _log.exception("a question of another worker is not answered", extra={"topic": message["topic"]})
        answer: Message = {"is": "answer", "id": message["id"], "to": message["from"], "body": body}
        if len(encode(answer)) > MAX_ANSWER_BYTES:
            _log.error("an answer to another worker is too long", extra={"topic": message["topic"]})
            answer["body"] = None
        self._send(answer)
