"""A load generator for IMAP: several processes, whole sessions one after the other on each connection."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import uvloop

from bench.imap_client import command, command_with_literal
from bench.imap_session import ImapSession
from bench.messages import Source
from bench.percentiles import percentile
from bench.sides import PASSWORD

PROCESSES = 2
APPEND_SIZE = 4096
COMMANDS = ("LOGIN", "SELECT", "FETCH flags", "FETCH body", "STORE", "SEARCH", "APPEND", "NOOP", "LOGOUT")
"""A session. APPEND goes to Sent, so that INBOX keeps its size."""
_SELECT, _FETCH_FLAGS, _SEARCH, _NOOP, _LOGOUT = map(
    command, (b"SELECT INBOX", b"FETCH 1:* (FLAGS)", b"SEARCH UNSEEN", b"NOOP", b"LOGOUT")
)


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


def _warm(part: int) -> None:
    Source(APPEND_SIZE, str(part))  # the first one in a process makes the text
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
    source, loop = Source(APPEND_SIZE, f"{user}-{time.time_ns()}"), asyncio.get_running_loop()
    login, by_place = command(f"LOGIN {user} {PASSWORD}".encode()), [latencies[name] for name in COMMANDS]
    for session in range(count):
        number = session * 37 % messages + 1
        sign = b"+" if session % 2 else b"-"
        steps = (
            login,
            _SELECT,
            _FETCH_FLAGS,
            command(b"FETCH %d (BODY.PEEK[])" % number),
            command(b"STORE %d %sFLAGS (\\Flagged)" % (number, sign)),
            _SEARCH,
            command_with_literal(b"APPEND Sent (\\Seen)", source.next()),
            _NOOP,
            _LOGOUT,
        )
        _, client = await loop.create_connection(partial(ImapSession, steps, by_place), "127.0.0.1", port)
        await client.done
