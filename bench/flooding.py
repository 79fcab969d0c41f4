"""The hostile clients of `bench.floods`: each a coroutine that does its worst against one port until it is told to stop.

They run in a process of their own. Each is bounded in the number of its connections, and gives how much it did.
"""

import asyncio
import contextlib
import multiprocessing.synchronize
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from typing import cast

import uvloop

CHUNK = 256 * 1024
OPEN_AT_ONCE = 100
SOURCES = 20
"""Loopback addresses to come from: one address has too few ports for ten thousand connections, again and again."""
TICK_SECONDS = 0.05
Connections = list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


class Flood:
    """What the clients share: where to go, how many, whether it is over, and how much was done."""

    def __init__(self, port: int, connections: int, over: Callable[[], bool]) -> None:
        self.port = port
        self.connections = connections
        self.over = over
        self.done = 0
        self._sources = count()

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        source = f"127.0.1.{next(self._sources) % SOURCES + 1}"
        return await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0), limit=CHUNK)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that has been greeted, or refused."""
        reader, writer = await self.open()
        await reader.readline()
        return reader, writer

    async def again_and_again(
        self, attack: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
    ) -> None:
        """All connections at once; one that the server closes is opened anew."""
        await asyncio.gather(*(self._one(attack) for _ in range(self.connections)))

    async def _one(self, attack: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> None:
        while not self.over():
            writer = None
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await self.connect()
                await attack(reader, writer)
            if writer is not None:
                writer.transport.abort()
            await asyncio.sleep(TICK_SECONDS)

    async def end(self) -> None:
        """The end comes from another process."""
        while not self.over():  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS)

    async def hold(self, kept: Connections) -> None:
        """Keeps connections until the end, and breaks them then."""
        await self.end()
        for _, writer in kept:
            writer.transport.abort()

    async def write(self, writer: asyncio.StreamWriter, octets: bytes) -> None:
        writer.write(octets)
        await writer.drain()
        await asyncio.sleep(0)

    async def _swallow(self, reader: asyncio.StreamReader, *, counted: bool) -> None:
        with contextlib.suppress(OSError):
            while octets := await reader.read(CHUNK):
                self.done += octets.count(b"\n") if counted else 0

    @contextlib.asynccontextmanager
    async def reading(
        self, reader: asyncio.StreamReader, *, counted: bool = False
    ) -> "AsyncIterator[asyncio.Task[None]]":
        """Takes the answers, and perhaps counts them; the task ends when the server has closed."""
        task = asyncio.create_task(self._swallow(reader, counted=counted))
        try:
            yield task
        finally:
            task.cancel()


async def idle(flood: Flood) -> None:
    """Connections that are opened and never say a word."""
    kept: Connections = []
    while len(kept) < flood.connections and not flood.over():
        opened = await asyncio.gather(*(flood.connect() for _ in range(OPEN_AT_ONCE)), return_exceptions=True)
        kept += [one for one in opened if not isinstance(one, BaseException)]
        flood.done = len(kept)
    await flood.hold(kept)


async def limited(flood: Flood) -> None:
    """Opens connections from all addresses in turn, keeps them, and counts those that are greeted."""
    kept: Connections = []

    async def attempt() -> None:
        reader, writer = await flood.open()
        if (await reader.readline()).startswith(b"220"):
            flood.done += 1
        kept.append((reader, writer))

    for _ in range(flood.connections // OPEN_AT_ONCE):
        await asyncio.gather(*(attempt() for _ in range(OPEN_AT_ONCE)), return_exceptions=True)
    await flood.hold(kept)


async def slow(flood: Flood) -> None:
    """Commands that come octet by octet and never end."""
    kept: Connections = []
    while len(kept) < flood.connections and not flood.over():
        kept += await asyncio.gather(*(flood.connect() for _ in range(OPEN_AT_ONCE)))
    while not flood.over():
        for number, (_, writer) in enumerate(kept):
            if not writer.is_closing():
                writer.write(b"x")
                flood.done += 1
            if number % OPEN_AT_ONCE == 0:
                await asyncio.sleep(TICK_SECONDS / 10)
    for _, writer in kept:
        writer.transport.abort()


async def lines(flood: Flood) -> None:
    """Lines of a megabyte, of which none ends."""
    line = b"x" * 1024 * 1024

    async def attack(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not flood.over():
            await flood.write(writer, line)
            flood.done += 1

    await flood.again_and_again(attack)


async def recipients(flood: Flood) -> None:
    """A hundred thousand recipients at one go, in one transaction."""

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with flood.reading(reader, counted=True) as task:
            await flood.write(writer, b"EHLO flood.example\r\nMAIL FROM:<a@flood.example>\r\n")
            for _ in range(100):
                if flood.over() or task.done():
                    return
                await flood.write(writer, b"RCPT TO:<probe@example.org>\r\n" * 1000)

    await flood.again_and_again(attack)


async def data(flood: Flood) -> None:
    """Messages that never end."""
    line = b"x" * 70 + b"\r\n"
    block = line * (CHUNK // len(line))
    start = b"EHLO flood.example\r\nMAIL FROM:<a@flood.example>\r\nRCPT TO:<probe@example.org>\r\nDATA\r\nSubject: x\r\n\r\n"

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with flood.reading(reader) as task:
            await flood.write(writer, start)
            while not flood.over() and not task.done():
                await flood.write(writer, block)
                flood.done += 1

    await flood.again_and_again(attack)


async def resets(flood: Flood) -> None:
    """RSET as fast as it goes, with the answers read."""
    block = b"RSET\r\n" * 10_000

    async def attack(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with flood.reading(reader, counted=True) as task:
            while not flood.over() and not task.done():
                await flood.write(writer, block)

    await flood.again_and_again(attack)


async def unread(flood: Flood) -> None:
    """RSET as fast as it goes, and no answer is ever read."""
    block = b"RSET\r\n" * 10_000

    async def attack(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cast("asyncio.Transport", writer.transport).pause_reading()
        while not flood.over():
            # beyond what the server and the kernel hold nothing can be written: wait until it is over
            try:
                async with asyncio.timeout(TICK_SECONDS * 10):
                    await flood.write(writer, block)
                flood.done += 10_000
            except TimeoutError:
                await asyncio.sleep(TICK_SECONDS * 10)

    await flood.again_and_again(attack)


FLOODS: dict[str, Callable[[Flood], Awaitable[None]]] = {
    one.__name__: one for one in (idle, limited, slow, lines, recipients, data, resets, unread)
}


def run(
    name: str,
    port: int,
    connections: int,
    over: "multiprocessing.synchronize.Event",
    done: "multiprocessing.Value[int]",  # type: ignore[valid-type]
) -> None:
    """The body of the process."""
    flood = Flood(port, connections, over.is_set)

    async def attack() -> None:
        with contextlib.suppress(OSError, ConnectionError):
            await FLOODS[name](flood)

    async def told() -> None:
        work = asyncio.create_task(attack())
        while not work.done():
            done.value = flood.done  # type: ignore[attr-defined]
            if over.is_set():
                await asyncio.wait([work], timeout=5.0)
                break
            await asyncio.sleep(TICK_SECONDS)
        work.cancel()
        done.value = flood.done  # type: ignore[attr-defined]

    uvloop.run(told())
