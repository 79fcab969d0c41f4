"""A load generator for IMAP: several processes, whole sessions one after the other on each connection."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from bench.imap_client import ImapClient
from bench.messages import Source
from bench.percentiles import percentile
from bench.sides import PASSWORD

PROCESSES = 2
APPEND_SIZE = 4096
COMMANDS = ("LOGIN", "SELECT", "FETCH flags", "FETCH body", "STORE", "SEARCH", "APPEND", "NOOP", "LOGOUT")
"""A session. APPEND goes to Sent, so that INBOX keeps its size."""


@dataclass(frozen=True, slots=True)
class Result:
    """`latencies` in seconds, sorted, by command; `cpu_seconds` is the generator's own."""

    seconds: float
    cpu_seconds: float
    latencies: dict[str, list[float]]

    @property
    def commands(self) -> int:
        return sum(map(len, self.latencies.values()))

    @property
    def rate(self) -> float:
        return self.commands / self.seconds

    def milliseconds(self, command: str, part: float) -> float:
        return percentile(self.latencies[command], part) * 1000


def run(port: int, users: list[str], count: int, messages: int) -> Result:
    """`count` sessions one after the other for each user, all users at once; each INBOX holds `messages`."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        shares = [(port, users[part::PROCESSES], count, messages) for part in range(PROCESSES)]
        pool.map(_warm, range(PROCESSES))
        start = time.perf_counter()
        parts = pool.starmap(_work, shares)
        seconds = time.perf_counter() - start
    latencies = {name: sorted(value for part, _ in parts for value in part[name]) for name in COMMANDS}
    return Result(seconds, sum(cpu for _, cpu in parts), latencies)


def _warm(_: int) -> None:
    time.sleep(0.05)


def _work(port: int, users: list[str], count: int, messages: int) -> tuple[dict[str, list[float]], float]:
    before = resource.getrusage(resource.RUSAGE_SELF)
    latencies = uvloop.run(sessions(port, users, count, messages))
    after = resource.getrusage(resource.RUSAGE_SELF)
    return latencies, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def sessions(port: int, users: Sequence[str], count: int, messages: int) -> dict[str, list[float]]:
    """`count` one after the other for each user, all users at once. Return latencies in seconds, by command."""
    latencies: dict[str, list[float]] = {name: [] for name in COMMANDS}
    await asyncio.gather(*(_sessions(port, user, count, messages, latencies) for user in users))
    return latencies


async def _sessions(port: int, user: str, count: int, messages: int, latencies: dict[str, list[float]]) -> None:
    source = Source(APPEND_SIZE, f"{user}-{time.time_ns()}")
    for session in range(count):
        client = await ImapClient.connect(port)
        number = session * 37 % messages + 1
        sign = b"+" if session % 2 else b"-"
        steps = (
            (b"LOGIN %s %s" % (user.encode(), PASSWORD.encode()), None),
            (b"SELECT INBOX", None),
            (b"FETCH 1:* (FLAGS)", None),
            (b"FETCH %d (BODY.PEEK[])" % number, None),
            (b"STORE %d %sFLAGS (\\Flagged)" % (number, sign), None),
            (b"SEARCH UNSEEN", None),
            (b"APPEND Sent (\\Seen)", source.next()),
            (b"NOOP", None),
            (b"LOGOUT", None),
        )
        for name, (line, literal) in zip(COMMANDS, steps, strict=True):
            start = time.perf_counter()
            await client.command(line, literal)
            latencies[name].append(time.perf_counter() - start)
        client.close()
