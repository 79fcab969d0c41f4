"""A load generator for SMTP: several processes, plain round trips on kept connections, like another mail server's."""

import asyncio
import multiprocessing
import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import uvloop

PROCESSES = 2
_HOLE = 9_999_999_999


@dataclass(frozen=True, slots=True)
class Result:
    """`latencies` from the final dot to 250, in seconds, sorted; `cpu_seconds` is the generator's own."""

    messages: int
    seconds: float
    cpu_seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        return self.messages / self.seconds

    def percentile(self, part: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(len(self.latencies) * part))] if self.latencies else 0.0


class _Client(asyncio.Protocol):
    """Says the next thing whenever the answer is complete."""

    def __init__(self, messages: Callable[[], bytes], recipients: Callable[[], str], count: int, pause: float) -> None:
        self._messages = messages
        self._recipients = recipients
        self._left = count
        self._pause = pause
        self._buffer = b""
        self._next = self._ehlo
        self._dot_at = 0.0
        self.latencies: list[float] = []
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
        self._transport.write(b"DATA\r\n")
        self._next = self._body

    def _body(self) -> None:
        message = self._messages()
        self._dot_at = time.perf_counter()
        self._transport.write(message)
        self._next = self._accepted

    def _accepted(self) -> None:
        self.latencies.append(time.perf_counter() - self._dot_at)
        self._left -= 1
        if self._left:
            if self._pause:
                asyncio.get_running_loop().call_later(self._pause, self._mail)
            else:
                self._mail()
        else:
            self._transport.write(b"QUIT\r\n")
            self._next = self._quit

    def _quit(self) -> None:
        self._transport.close()
        if not self.done.done():
            self.done.set_result(None)


def message(size: int, number: int = 0) -> bytes:
    """A message of about `size` octets with its final dot; each number gives another one."""
    header = b"From: sender@bench.example\r\nTo: someone@bench.example\r\nSubject: A message to measure with\r\n"
    header += (
        b"Message-ID: <%010d@bench.example>\r\nDate: Mon, 23 Nov 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n\r\n"
        b"%d\r\n" % (number, number)
    )
    words = b"The quick brown fox jumps over the lazy dog while the mail goes on its way. "
    body = b"".join(words[n % 40 :] + words[: n % 40] + b"\r\n" for n in range(max(1, (size - len(header)) // 78)))
    return header + body + b".\r\n"


def run(
    port: int,
    size: int,
    connections: int,
    messages: int,
    users: list[str],
    *,
    pause: float = 0.0,
    processes: int = PROCESSES,
) -> Result:
    """`messages` over all connections; `pause` seconds between two of one connection."""
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        share = [(port, size, connections // processes, messages // connections, users, pause)] * processes
        pool.map(_warm, range(processes))
        start = time.perf_counter()
        parts = pool.starmap(_work, share)
        seconds = time.perf_counter() - start
    latencies = sorted(latency for part, _ in parts for latency in part)
    return Result(len(latencies), seconds, sum(cpu for _, cpu in parts), latencies)


def _warm(_: int) -> None:
    time.sleep(0.05)


def _work(
    port: int, size: int, connections: int, each: int, users: list[str], pause: float
) -> tuple[list[float], float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    latencies = uvloop.run(_clients(port, size, connections, each, users, pause))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return latencies, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def _clients(port: int, size: int, connections: int, each: int, users: list[str], pause: float) -> list[float]:
    loop = asyncio.get_running_loop()
    numbers = iter(range(10**9))
    # every body is another one, also than those of other processes: equal ones could be stored once
    first = os.getpid() * 10**6
    before, between, after = message(size, _HOLE).split(b"%d" % _HOLE)

    def messages() -> bytes:
        number = b"%d" % (first + next(numbers))
        return b"".join((before, number, between, number, after))

    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: _Client(messages, lambda: users[next(numbers) % len(users)], each, pause), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return [latency for client in clients for latency in client.latencies]
