"""A load generator for SMTP: several processes, plain round trips on kept connections, like another mail server's."""

import asyncio
import itertools
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import uvloop

from bench.messages import Source
from bench.percentiles import percentile

PROCESSES = 2


@dataclass(frozen=True, slots=True)
class Result:
    """`latencies` from the final dot to 250, in seconds, sorted; `cpu_seconds` is the generator's own, `overhead_seconds`
    what starting and ending its processes took."""

    messages: int
    seconds: float
    overhead_seconds: float
    cpu_seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    def percentile(self, part: float) -> float:
        return percentile(self.latencies, part)


class SmtpClient(asyncio.Protocol):
    """Says the next thing whenever the answer is complete. `interval` seconds lie between two messages' beginnings, if
    the server keeps up."""

    def __init__(self, source: Source, recipients: Callable[[], str], count: int, interval: float) -> None:
        self._source = source
        self._message = b""
        self._recipients = recipients
        self._left = count
        self._interval = interval
        self._due_at = 0.0
        self._buffer = b""
        self._next = self._ehlo
        self._dot_at = 0.0
        self.latencies: list[float] = []
        self.accepted_at: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(b"\r\n")
            if end < 0:
                return
            line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
            if line[3:4] != b"-":
                if line[:1] not in b"23":
                    if not self.done.done():
                        self.done.set_exception(RuntimeError(line.decode()))
                    return
                self._next()

    def _ehlo(self) -> None:
        self._transport.write(b"EHLO bench.example\r\n")
        self._next = self._mail

    def _mail(self) -> None:
        self._transport.write(b"MAIL FROM:<sender@bench.example>\r\n")
        self._next = self._rcpt

    def _rcpt(self) -> None:
        self._transport.write(b"RCPT TO:<%s>\r\n" % self._recipients().encode())
        self._next = self._data

    def _data(self) -> None:
        self._message = self._source.next() + b".\r\n"
        self._transport.write(b"DATA\r\n")
        self._next = self._body

    def _body(self) -> None:
        self._dot_at = time.perf_counter()
        self._transport.write(self._message)
        self._next = self._accepted

    def _accepted(self) -> None:
        now = time.perf_counter()
        self.latencies.append(now - self._dot_at)
        self.accepted_at.append(now)
        self._left -= 1
        if not self._left:
            self._transport.write(b"QUIT\r\n")
            self._next = self._quit
        elif self._interval:
            self._due_at = max(now, (self._due_at or now) + self._interval)
            asyncio.get_running_loop().call_later(self._due_at - now, self._mail)
        else:
            self._mail()

    def _quit(self) -> None:
        self._transport.close()
        if not self.done.done():
            self.done.set_result(None)


def run(
    port: int,
    size: int,
    connections: int,
    messages: int,
    users: list[str],
    *,
    rate: float = 0.0,
    processes: int = PROCESSES,
) -> Result:
    """`messages` over all connections, as fast as they go or `rate` a second."""
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        interval = connections / rate if rate else 0.0
        shares = [
            (port, size, connections // processes, max(1, messages // connections), users, interval, f"{tag}-{time.time_ns()}")
            for tag in range(processes)
        ]  # fmt: skip
        pool.map(_warm, [size] * processes)
        start = time.perf_counter()
        parts = pool.starmap(_work, shares)
        seconds = time.perf_counter() - start
    latencies = sorted(latency for part, _ in parts for latency in part)
    overhead = time.perf_counter() - began - seconds
    return Result(len(latencies), seconds, overhead, sum(cpu for _, cpu in parts), latencies)


def _warm(size: int) -> None:
    Source(size, "")  # the first one in a process makes the text
    time.sleep(0.05)


def _work(
    port: int, size: int, connections: int, each: int, users: list[str], interval: float, tag: str
) -> tuple[list[float], float]:
    source = Source(size, tag)
    before = resource.getrusage(resource.RUSAGE_SELF)
    latencies = uvloop.run(_clients(port, source, connections, each, users, interval))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return latencies, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _clients(
    port: int, source: Source, connections: int, each: int, users: list[str], interval: float
) -> list[float]:
    loop = asyncio.get_running_loop()
    recipients = itertools.cycle(users)
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: SmtpClient(source, lambda: next(recipients), each, interval), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return [latency for client in clients for latency in client.latencies]
