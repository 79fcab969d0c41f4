"""`python -m bench.pairs BASE HEAD`: two checkouts, measured in alternating pairs on the same machine at the same time.

Both servers run all the while, each as its own process on its own ports and data folder. They get the same short bursts of work in
turn, in an order that changes each time, and the CPU of a server is read from its own clock right before and after a burst. In a
burst the server has one core and the load has the others; which core that is changes, and is the same for both. So a busy neighbour
meets both alike: two servers that each stay on a core of their own differ by up to a half when one core is slower. A pair is
`--rounds` such bursts of each, of which the lower quartile counts: a neighbour only adds. A figure is the median of the pairs' ratios.

A short burst finds caches cold, and ends before commits are shared as they are in a busy server. The measures under load have bursts
of a second, from twice the connections, and a third of the rounds.
Each checkout needs its `.venv` (`make setup`)."""

import argparse
import asyncio
import contextlib
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median

import uvloop

from bench import imap_load
from bench.imap_client import ImapClient
from bench.messages import Source
from bench.ours import VALID_RECIPIENT, Ours
from bench.percentiles import percentile
from bench.processes import cpu_clock, pin
from bench.sides import IMAP_USERS, PASSWORD, SMTP_USERS
from bench.smtp_load import SmtpClient

SMALL, LARGE = 4 * 1024, 100 * 1024
CONNECTIONS = 10
LOAD_CONNECTIONS = 20
MIX_CONNECTIONS = 5
MESSAGES = 1000
"""In the mailbox of the IMAP commands."""
LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.002
WARM_UP_BURSTS = 2
QUIET_PART = 0.25
"""Of the bursts of a pair, by each figure."""
READER = IMAP_USERS[0]


@dataclass
class Side:
    """One checkout: a server that delivers, and one that only accepts."""

    name: str
    delivering: Ours
    accepting: Ours
    sent: int = 0
    reader: ImapClient = field(init=False)
    other: ImapClient = field(init=False)

    def start(self) -> None:
        for ours in (self.delivering, self.accepting):
            ours.start_with_users((*SMTP_USERS, READER))
        self.delivering.fill(READER, MESSAGES)
        database = self.delivering.server.data / "compostela.sqlite"
        self._database = sqlite3.connect(f"file:{database}?mode=ro", uri=True, isolation_level=None)
        self._before = self._in_mailboxes()

    def stop(self) -> None:
        for ours in (self.delivering, self.accepting):
            ours.stop()

    def _in_mailboxes(self) -> int:
        """Read from the data folder: to ask the server would cost it CPU."""
        return int(self._database.execute("SELECT sum(messages) FROM mailbox").fetchone()[0])

    async def log_in(self) -> None:
        self.reader, self.other = [await ImapClient.connect(self.delivering.imap) for _ in range(2)]
        for client in (self.reader, self.other):
            await client.login(READER, PASSWORD)
            await client.command(b"SELECT INBOX")

    async def until_delivered(self) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        while self._in_mailboxes() - self._before < self.sent:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.name}: mails are not delivered after {LIMIT_SECONDS:.0f} s")
            await asyncio.sleep(POLL_SECONDS)


@dataclass(slots=True)
class Burst:
    """What a burst of `count` operations took. `latencies` in seconds."""

    count: int
    cpu_seconds: float
    latencies: list[float]


Work = Callable[[Side], Awaitable[tuple[int, list[float]]]]


async def _mails(port: int, count: int, size: int, connections: int) -> list[float]:
    source, users = Source(size, f"pairs-{time.time_ns()}"), cycle(SMTP_USERS)
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: SmtpClient(source, lambda: next(users), count // connections, 0.0), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    return [latency for client in clients for latency in client.latencies]


def _delivered(count: int, size: int = SMALL, connections: int = CONNECTIONS) -> Work:
    async def work(side: Side) -> tuple[int, list[float]]:
        latencies = await _mails(side.delivering.smtp, count, size, connections)
        side.sent += len(latencies)
        await side.until_delivered()
        return len(latencies), latencies

    return work


def _accepted(count: int, size: int = SMALL, connections: int = CONNECTIONS) -> Work:
    async def work(side: Side) -> tuple[int, list[float]]:
        latencies = await _mails(side.accepting.smtp_only, count, size, connections)
        return len(latencies), latencies

    return work


def _commands(lines: Sequence[bytes], count: int) -> Work:
    """`count` commands on one connection, one after the other."""
    following = cycle(lines)

    async def work(side: Side) -> tuple[int, list[float]]:
        latencies = []
        for line in (next(following) for _ in range(count)):
            start = time.perf_counter()
            await side.reader.command(line)
            latencies.append(time.perf_counter() - start)
        return count, latencies

    return work


def _mix(count: int, connections: int = MIX_CONNECTIONS) -> Work:
    """Whole sessions, `count` on each of a few connections at once: what `imap_load` does, all on one user's mailboxes."""

    async def work(side: Side) -> tuple[int, list[float]]:
        users = (READER,) * connections
        latencies = await imap_load.sessions(side.delivering.imap, users, count, MESSAGES)
        merged = [one for each in latencies.values() for one in each]
        return len(merged), merged

    return work


def _stores(count: int) -> Work:
    """Flags that change each time: a burst sets them, the next burst of the side takes them back."""
    adds: dict[str, bool] = {}

    async def work(side: Side) -> tuple[int, list[float]]:
        sign = b"+" if adds.setdefault(side.name, True) else b"-"
        adds[side.name] = not adds[side.name]
        return await _commands([b"STORE %d %sFLAGS (\\Flagged)" % (n + 1, sign) for n in range(count)], count)(side)

    return work


def _wake_ups(count: int) -> Work:
    """From a STORE until another session in IDLE is told, the commit included."""

    async def work(side: Side) -> tuple[int, list[float]]:
        told = asyncio.Event()
        idling = await ImapClient.connect(side.delivering.imap)
        await idling.login(READER, PASSWORD)
        await idling.command(b"SELECT INBOX")
        await idling.idle(lambda _: told.set())
        latencies = []
        for number in range(count):
            told.clear()
            start = time.perf_counter()
            sign = b"-" if number % 2 else b"+"
            storing = asyncio.ensure_future(side.other.command(b"STORE 7 %sFLAGS.SILENT (\\Answered)" % sign))
            async with asyncio.timeout(LIMIT_SECONDS):
                await told.wait()
            latencies.append(time.perf_counter() - start)
            await storing
        idling.close()
        return count, latencies

    return work


@dataclass(frozen=True, slots=True)
class Measure:
    """`limit` is the highest ratio that passes for CPU, `p99_limit` for the slowest hundredth; 0 for none."""

    name: str
    work: Work
    server: Callable[[Side], Ours] = lambda side: side.delivering
    limit: float = 1.03
    p50_limit: float = 0.0
    p99_limit: float = 0.0
    is_load: bool = False
    """Of long bursts."""


MEASURES = {
    "mail": Measure("a mail, from accept to visible", _delivered(100), p99_limit=1.1),
    "accept": Measure("a mail, until 250", _accepted(100), lambda side: side.accepting, p99_limit=1.1),
    "large-mail": Measure("a mail of 100 KiB, from accept to visible", _delivered(40, LARGE)),
    "large": Measure("a mail of 100 KiB, until 250", _accepted(40, LARGE), lambda side: side.accepting),
    "mail-load": Measure(
        "a mail under load, from accept to visible", _delivered(2000, SMALL, LOAD_CONNECTIONS), is_load=True
    ),
    "accept-load": Measure(
        "a mail under load, until 250",
        _accepted(2000, SMALL, LOAD_CONNECTIONS),
        lambda side: side.accepting,
        is_load=True,
    ),
    "large-mail-load": Measure(
        "a mail of 100 KiB under load, from accept to visible",
        _delivered(600, LARGE, LOAD_CONNECTIONS),
        is_load=True,
    ),
    "large-load": Measure(
        "a mail of 100 KiB under load, until 250",
        _accepted(600, LARGE, LOAD_CONNECTIONS),
        lambda side: side.accepting,
        is_load=True,
    ),
    "imap": Measure("an IMAP command of the mix", _mix(4)),
    "imap-load": Measure("an IMAP command of the mix under load", _mix(40, 2 * MIX_CONNECTIONS), is_load=True),
    "store": Measure("STORE of one flag", _stores(100)),
    "select": Measure("SELECT of 1,000 messages", _commands([b"SELECT INBOX"], 100), limit=1.0),
    "status": Measure("STATUS", _commands([b"STATUS INBOX (MESSAGES UNSEEN UIDNEXT)"], 300), limit=1.0),
    "noop": Measure("NOOP without news", _commands([b"NOOP"], 300)),
    "fetch": Measure("FETCH of 100 flags", _commands([b"FETCH 1:100 (FLAGS)"], 100)),
    "idle": Measure("IDLE, from another session's STORE to FETCH", _wake_ups(60), p50_limit=1.0),
}


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one side in one pair: CPU in µs an operation, latencies in ms."""

    cpu: float
    p50: float
    p99: float


async def _burst(measure: Measure, side: Side, core: int) -> Burst:
    """`core`: the number of the server's core."""
    process = measure.server(side).server.process
    assert process is not None
    pin(process.pid, core)
    before = cpu_clock(process.pid)
    count, latencies = await measure.work(side)
    return Burst(count, cpu_clock(process.pid) - before, latencies)


async def _pair(measure: Measure, sides: Sequence[Side], rounds: int) -> list[Figures]:
    """Of each side, in the order of `sides`."""
    bursts: dict[str, list[Burst]] = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 else reversed(sides):
            bursts[side.name].append(await _burst(measure, side, number // 2))
    return [_figures(bursts[side.name]) for side in sides]


def _figures(bursts: Sequence[Burst]) -> Figures:
    def quartile(figure: Callable[[Burst], float]) -> float:
        return percentile(sorted(map(figure, bursts)), QUIET_PART)

    return Figures(
        quartile(lambda burst: burst.cpu_seconds / burst.count) * 1e6,
        quartile(lambda burst: percentile(sorted(burst.latencies), 0.5)) * 1000,
        quartile(lambda burst: percentile(sorted(burst.latencies), 0.99)) * 1000,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """`ratio` is the median of the pairs' ratios of head to base, `lowest` and `highest` their ends."""

    measure: str
    unit: str
    base: float
    head: float
    ratio: float
    lowest: float
    highest: float
    limit: float

    @property
    def verdict(self) -> str:
        return "" if not self.limit else "met" if self.ratio <= self.limit else "missed"

    def as_dict(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in (*self.__slots__, "verdict")}


def _rows(measure: Measure, pairs: Sequence[Sequence[Figures]]) -> list[Row]:
    rows = []
    for part, unit, limit in (
        ("cpu", "µs of CPU", measure.limit), ("p50", "ms, p50", measure.p50_limit), ("p99", "ms, p99", measure.p99_limit),
    ):  # fmt: skip
        values = [(getattr(base, part), getattr(head, part)) for base, head in pairs]
        ratios = [head / base for base, head in values]
        base, head = (median(value[number] for value in values) for number in (0, 1))
        rows.append(Row(measure.name, unit, base, head, median(ratios), min(ratios), max(ratios), limit))
    return rows


async def _measure(sides: Sequence[Side], names: Sequence[str], pairs: int, rounds: int) -> list[Row]:
    for side in sides:
        await side.log_in()
    rows = []
    for name in names:
        measure = MEASURES[name]
        print(f"{time.strftime('%X')}  {measure.name}", file=sys.stderr, flush=True)
        for number in range(WARM_UP_BURSTS):
            for side in sides:
                await _burst(measure, side, number)
        bursts = max(1, rounds // 3) if measure.is_load else rounds
        rows += _rows(measure, [await _pair(measure, sides, bursts) for _ in range(pairs)])
    return rows


def render(rows: Sequence[Row]) -> str:
    """A table in Markdown."""
    lines = [
        "| measure | unit | base | head | ratio | of the pairs | limit | |",
        "|---|---|---:|---:|---:|---|---:|---|",
    ]
    for row in rows:
        limit = f"{row.limit:.2f}" if row.limit else ""
        lines.append(
            f"| {row.measure} | {row.unit} | {row.base:.3g} | {row.head:.3g} | {row.ratio:.3f} "
            f"| {row.lowest:.3f}–{row.highest:.3f} | {limit} | {row.verdict} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pairs", description=__doc__)
    parser.add_argument("base", type=Path, help="checkout to compare with")
    parser.add_argument("head", type=Path, help="checkout that is measured")
    parser.add_argument("--only", nargs="+", choices=MEASURES, metavar="NAME", help=f"some of: {', '.join(MEASURES)}")
    parser.add_argument(
        "--container", type=Path, metavar="FILE", help="mailetcontainer.xml of both; by default each one's own"
    )
    parser.add_argument("--pairs", type=int, default=7, help="pairs of which the median is taken (7)")
    parser.add_argument("--rounds", type=int, default=6, help="bursts of each side in a pair (6)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows there as JSON")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="compostela-pairs-")))
        sides = []
        for name, checkout in (("base", options.base.resolve()), ("head", options.head.resolve())):
            ours, accepting = (
                Ours(
                    folder / f"{name}-{kind}",
                    accept_only=only,
                    handlers=VALID_RECIPIENT,
                    container=options.container,
                    checkout=checkout,
                )
                for kind, only in (("delivering", False), ("accepting", True))
            )
            side = Side(name, ours, accepting)
            stack.callback(side.stop)
            side.start()
            sides.append(side)
        rows = uvloop.run(_measure(sides, options.only or list(MEASURES), options.pairs, options.rounds))
    print(render(rows))
    if options.json:
        options.json.write_text(json.dumps([row.as_dict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
