"""Questions between workers, by way of what the supervisor does with them."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from functools import partial

import pytest

from compostela.adapters.in_process.sibling_peers import SiblingPeers
from compostela.app.supervisor.messages import MAX_LINE_BYTES, decode, encode
from compostela.app.supervisor.questions import routed
from compostela.app.worker import SupervisedWorker
from compostela.base.errors import TemporaryFailure
from compostela.base.siblings import NO_RESTART, PEERS, NoSiblings, Siblings
from tests.contracts.peers import PeersContract
from tests.contracts.siblings import SiblingsContract


class TestNoSiblings(SiblingsContract):
    @pytest.fixture
    def siblings(self) -> Siblings:
        return NoSiblings()

    @pytest.fixture
    def others(self) -> Sequence[Siblings]:
        return []


class Exchange:
    """Passes messages on as the supervisor does; a restart is refused."""

    def __init__(self) -> None:
        self.workers: dict[int, SupervisedWorker] = {}
        self.is_lost = asyncio.Event()
        self._writers: dict[int, asyncio.StreamWriter] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    async def never(self) -> None:
        """No worker is told to drain."""

    async def add(self, number: int) -> None:
        ours, theirs = socket.socketpair()
        reader, self._writers[number] = await asyncio.open_unix_connection(sock=ours, limit=MAX_LINE_BYTES)
        self._tasks[number] = asyncio.create_task(self._listen(number, reader))
        self.workers[number] = SupervisedWorker(theirs, lead=lambda: None, drain=self.never, orphaned=self.is_lost.set)
        await self.workers[number].start()

    def tell(self, living: list[int], missing: int) -> None:
        for number in self._writers:
            self.send(
                number, encode({"is": "workers", "living": living, "missing": missing, "restart": asdict(NO_RESTART)})
            )

    def send(self, number: int, octets: bytes) -> None:
        self._writers[number].write(octets)

    async def _listen(self, number: int, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            message = decode(line)
            if message["is"] == "restart":
                self._writers[number].write(encode({"is": "restarting", "id": message["id"], "problem": "not now"}))
            elif message["is"] in ("ask", "answer"):
                for to, passed_on in routed(number, message, list(self._writers)):
                    self._writers[to].write(encode(passed_on))

    def lose(self, number: int) -> None:
        """The channel of a worker closes."""
        self._tasks[number].cancel()
        self._writers.pop(number).close()

    async def close(self) -> None:
        for worker in self.workers.values():
            await worker.stop()
        for number in list(self._writers):
            self.lose(number)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@pytest.fixture
async def exchange() -> AsyncIterator[Exchange]:
    made = Exchange()
    for number in (1, 2, 3):
        await made.add(number)
    yield made
    await made.close()


class TestSupervisedWorker(SiblingsContract):
    @pytest.fixture
    def siblings(self, exchange: Exchange) -> Siblings:
        return exchange.workers[2]

    @pytest.fixture
    def others(self, exchange: Exchange) -> Sequence[Siblings]:
        return [exchange.workers[number] for number in (1, 3)]


def _with_name(name: bytes, question: bytes) -> bytes:
    return name + b":" + question


class TestSiblingPeers(PeersContract):
    @pytest.fixture
    def peers(self, exchange: Exchange) -> SiblingPeers:
        return SiblingPeers(exchange.workers[2])

    @pytest.fixture
    def others(self, exchange: Exchange) -> list[bytes]:
        names = {1: b"first", 3: b"third"}
        for number, name in names.items():
            SiblingPeers(exchange.workers[number]).serve(partial(_with_name, name))
        return list(names.values())


async def test_a_worker_that_dies_while_it_is_asked_is_not_waited_for(exchange: Exchange) -> None:
    is_asked, never = asyncio.Event(), asyncio.Event()

    async def hangs(_: object) -> None:
        is_asked.set()
        await never.wait()

    async def works(_: object) -> str:
        return "here"

    exchange.workers[1].answer("where", hangs)
    exchange.workers[3].answer("where", works)
    exchange.tell([1, 2, 3], 0)
    asking = asyncio.create_task(exchange.workers[2].ask("where"))
    await is_asked.wait()
    exchange.tell([2, 3], 1)
    assert await asking == ["here"]
    assert exchange.workers[2].missing == 1


async def test_a_worker_that_hangs_has_no_answer_and_its_peers_are_told(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.app.worker.ANSWER_SECONDS", 0.2)
    never = asyncio.Event()

    async def hangs(_: object) -> None:
        await never.wait()

    async def works(_: object) -> str:
        return "here"

    for topic in ("where", PEERS):
        exchange.workers[1].answer(topic, hangs)
        exchange.workers[3].answer(topic, works)
    assert sorted(map(str, await exchange.workers[2].ask("where"))) == ["None", "here"]
    with pytest.raises(TemporaryFailure):
        await SiblingPeers(exchange.workers[2]).ask(b"who is connected")


async def test_a_worker_learns_that_the_supervisor_is_gone(exchange: Exchange) -> None:
    exchange.lose(2)
    await exchange.is_lost.wait()


async def test_a_worker_that_cannot_read_a_message_ends_and_is_not_deaf_for_ever(exchange: Exchange) -> None:
    exchange.send(2, b"no message\n")
    await exchange.is_lost.wait()


async def test_an_answer_that_is_too_long_is_none_and_the_channel_goes_on(exchange: Exchange) -> None:
    async def much(_: object) -> str:
        return "x" * MAX_LINE_BYTES

    async def little(_: object) -> str:
        return "here"

    exchange.workers[1].answer("what", much)
    exchange.workers[3].answer("what", little)
    for _ in range(2):
        assert sorted(map(str, await exchange.workers[2].ask("what"))) == ["None", "here"]
