"""Processes that accept at one socket take turns: two of them, with a table between, in one event loop."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator

import pytest

from compostela.base.worker_table import make_table, mark_absent
from compostela.net.accepting import AcceptTurns, SharedAcceptor

CONNECTIONS = 10
SECONDS = 30.0


class Counting(asyncio.Protocol):
    """A session of the process whose turns it counts in."""

    def __init__(self, turns: AcceptTurns, taken: list[AcceptTurns]) -> None:
        self._turns = turns
        self._taken = taken

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._turns.entered()
        self._taken.append(self._turns)
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"hello")


class Processes:
    """Two, 1 and 2; `taken` says which took each connection."""

    def __init__(self) -> None:
        self.table = make_table()
        self.turns = [AcceptTurns(self.table, number) for number in (1, 2)]
        self.taken: list[AcceptTurns] = []
        self._bound = socket.create_server(("127.0.0.1", 0))
        self._bound.setblocking(False)
        self._copies = [self._bound.dup() for _ in self.turns]
        self._acceptors: list[SharedAcceptor] = []
        self._clients: list[asyncio.StreamWriter] = []

    def accept(self, index: int) -> None:
        turns = self.turns[index]
        turns.begin()
        self._acceptors.append(SharedAcceptor(self._copies[index], lambda: Counting(turns, self.taken), turns))

    async def connect(self) -> None:
        """Returns when a process has taken the connection."""
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(*self._bound.getsockname())
            self._clients.append(writer)
            await reader.readexactly(5)

    async def close(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
            await acceptor.settle()
        for writer in self._clients:
            writer.close()
            await writer.wait_closed()
        for bound in (self._bound, *self._copies):
            bound.close()
        for turns in self.turns:
            turns.close()
        os.close(self.table)


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    made = Processes()
    yield made
    await made.close()


async def test_a_process_that_does_not_come_keeps_no_client_waiting(processes: Processes) -> None:
    processes.accept(0)
    processes.turns[1].begin()  # it has fewer connections and never looks at the socket
    for _ in range(CONNECTIONS):
        await processes.connect()
    assert processes.taken == [processes.turns[0]] * CONNECTIONS


async def test_a_process_that_comes_late_gets_a_part_of_a_burst(processes: Processes) -> None:
    burst = [asyncio.create_task(processes.connect()) for _ in range(2 * CONNECTIONS)]
    processes.turns[1].begin()
    processes.accept(0)
    await asyncio.wait(burst, timeout=SECONDS, return_when=asyncio.FIRST_COMPLETED)
    processes.accept(1)
    await asyncio.gather(*burst)
    assert len(processes.taken) == 2 * CONNECTIONS
    assert processes.taken.count(processes.turns[1]) >= CONNECTIONS // 2


async def test_a_dead_process_is_not_waited_for(processes: Processes) -> None:
    processes.accept(0)
    processes.turns[1].begin()
    processes.turns[0].entered()
    assert processes.turns[0].is_anothers()
    mark_absent(processes.table, 2)
    assert not processes.turns[0].is_anothers()


async def test_a_process_whose_connection_ends_looks_again_at_once(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.net.accepting.PATIENCE_SECONDS", 3600.0)
    processes.accept(0)
    processes.turns[1].begin()  # it never looks at the socket
    processes.turns[0].entered()
    waiting = asyncio.create_task(processes.connect())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    processes.turns[0].left()
    await waiting
    assert processes.taken == [processes.turns[0]]


async def test_the_process_with_fewer_connections_takes_the_next(processes: Processes) -> None:
    for index in (0, 1):
        processes.accept(index)
    for _ in range(CONNECTIONS):
        await processes.connect()
    assert all(turns in processes.taken for turns in processes.turns)


async def test_one_that_ends_takes_no_more(processes: Processes) -> None:
    for index in (0, 1):
        processes.accept(index)
    processes.turns[0].end()
    processes._acceptors[0].close()
    for _ in range(CONNECTIONS):
        await processes.connect()
    assert processes.taken == [processes.turns[1]] * CONNECTIONS
