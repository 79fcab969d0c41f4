"""The distributed edition with one and with two nodes, on the engines that `dev/engines start` has started on this machine: rates, and
the CPU that nodes and each engine spend on a mail and on a command.

Nodes, engines and the load generator share the machine's cores, so the rates say what all of them do together, and the CPU figures say
what a larger cluster needs. One Cassandra node with one replica: three replicas cost about three times its CPU.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import uvloop
from tests.distributed.own_engines import files_at, make_bucket

from bench import imap_load, smtp_load
from bench.imap_client import ImapClient
from bench.messages import Source
from bench.ours import Ours
from bench.processes import CORES, CpuMeter, family
from bench.sides import IMAP_USERS, PASSWORD, SMTP_USERS, Effort
from bench.table import Row
from bench.visible import Counter

R = TypeVar("R")

ENGINES = ("cassandra", "rabbitmq", "seaweedfs", "redis")
BUCKET = "bench"
CONNECTIONS = 20
SMALL = 4 * 1024
LARGE = 50 * 1024
INBOX_MESSAGES = 200
_ROOT = Path(__file__).parents[1]


def measure(effort: Effort) -> list[Row]:
    """Raises `RuntimeError` if the engines do not run."""
    engines = {name: _pid_of(name) for name in ENGINES}
    offset = int(os.environ.get("ENGINES_PORT_OFFSET") or 0)
    with contextlib.suppress(OSError):
        make_bucket(offset, BUCKET)  # or it is there
    rows = []
    for nodes in (1, 2):
        with _cluster(effort.folder / str(nodes), nodes, files_at(offset, f"bench{time.time_ns()}", BUCKET)) as cluster:
            rows += _measure(cluster, engines, effort)
    return rows


def _pid_of(engine: str) -> int:
    home = Path(os.environ.get("ENGINES_HOME") or _ROOT / ".engines")
    file = Path(os.environ.get("ENGINES_RUN") or home / "run") / engine / "pid"
    try:
        return int(file.read_text().split()[0])
    except (OSError, ValueError) as error:
        raise RuntimeError(f"{engine} does not run: run `dev/engines start` first") from error


@contextlib.contextmanager
def _cluster(folder: Path, count: int, files: dict[str, str]) -> Iterator[list[Ours]]:
    nodes = [Ours(folder / f"node{number}") for number in range(count)]
    with contextlib.ExitStack() as stack:
        for number, node in enumerate(nodes):
            # the tests' times for queues are shorter than those of a server
            for name, text in files.items() - {("queue.properties", files["queue.properties"])}:
                (node.server.conf / name).write_text(text)
            stack.callback(node.stop)
            if number == 0:
                node.start_with_users()
            else:
                node.start()
        yield nodes


class _Cpu:
    """What nodes and engines spend from here on, in seconds."""

    def __init__(self, nodes: Sequence[Ours], engines: dict[str, int]) -> None:
        self._meters = {"nodes": CpuMeter(lambda: [pid for node in nodes for pid in node.pids()])}
        for name, pid in engines.items():
            self._meters[name] = CpuMeter(partial(family, pid))

    def each(self, count: int) -> dict[str, float]:
        """Milliseconds for one of so many."""
        return {name: meter.spent() / count * 1000 for name, meter in self._meters.items()}


def _measure(nodes: list[Ours], engines: dict[str, int], effort: Effort) -> list[Row]:
    def row(name: str, unit: str, value: float) -> Row:
        return Row(f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}: {name}", unit, value)

    rows: list[Row] = []
    for size, count in ((SMALL, effort.of(3000, 600)), (LARGE, effort.of(600, 150))):
        name = f"SMTP {size // 1024} KiB"
        _mails(nodes, engines, size, count // 5)
        runs = [_mails(nodes, engines, size, count) for _ in range(effort.repeats)]
        rows += [row(f"{name}, {what}", unit, median(run[what, unit] for run in runs)) for what, unit in runs[0]]
    uvloop.run(_fill(nodes[0]))
    _commands(nodes, engines, 2)
    runs = [_commands(nodes, engines, effort.of(40, 10)) for _ in range(effort.repeats)]
    rows += [row(f"IMAP mix, {what}", unit, median(run[what, unit] for run in runs)) for what, unit in runs[0]]
    return rows


def _side_by_side(nodes: Sequence[Ours], work: Callable[[int, Ours], R]) -> list[R]:
    """The result of each node."""
    with ThreadPoolExecutor(len(nodes)) as pool:
        return list(pool.map(work, range(len(nodes)), nodes))


def _mails(nodes: list[Ours], engines: dict[str, int], size: int, count: int) -> dict[tuple[str, str], float]:
    """Mails to all nodes at once, until all can be read at the first one."""
    with Counter(nodes[0].imap, SMTP_USERS) as counter:
        before, cpu, start = counter.count(), _Cpu(nodes, engines), time.perf_counter()
        share, connections = count // len(nodes), CONNECTIONS // len(nodes)
        results = _side_by_side(nodes, lambda _, node: smtp_load.run(node.smtp, size, connections, share, SMTP_USERS))
        messages = sum(result.messages for result in results)
        counter.wait_for(before + messages)
        seconds = time.perf_counter() - start - max(result.overhead_seconds for result in results)
        spent = cpu.each(messages)
    latencies = sorted(one for result in results for one in result.latencies)
    figures = {
        ("accepted while delivering", "1/s"): sum(result.rate for result in results),
        ("until visible in IMAP", "1/s"): messages / seconds,
        ("dot to 250, p50", "ms"): latencies[len(latencies) // 2] * 1000,
        ("dot to 250, p99", "ms"): latencies[len(latencies) * 99 // 100] * 1000,
    }
    generator = sum(result.cpu_seconds for result in results) / max(result.seconds for result in results)
    figures["CPU share of the generator", "% of the machine"] = generator / CORES * 100
    return figures | {(f"CPU of {name}", "ms a mail"): value for name, value in spent.items()}


async def _fill(node: Ours) -> None:
    """INBOXes for the mix of commands, by APPEND."""

    async def fill(user: str) -> None:
        client, source = await ImapClient.connect(node.imap), Source(SMALL, user)
        await client.login(user, PASSWORD)
        for _ in range(INBOX_MESSAGES):
            await client.command(b"APPEND INBOX", source.next())
        client.close()

    await asyncio.gather(*map(fill, IMAP_USERS))


def _commands(nodes: list[Ours], engines: dict[str, int], sessions: int) -> dict[tuple[str, str], float]:
    """Whole sessions, the users spread over the nodes."""
    cpu = _Cpu(nodes, engines)
    results = _side_by_side(
        nodes,
        lambda number, node: imap_load.run(node.imap, IMAP_USERS[number :: len(nodes)], sessions, INBOX_MESSAGES),
    )
    commands = sum(result.commands for result in results)
    figures = {("10 connections", "commands/s"): sum(result.rate for result in results)}
    for name in imap_load.COMMANDS:
        values = sorted(value for result in results for value in result.latencies[name])
        for percent in (50, 99):
            figures[f"{name}, p{percent}", "ms"] = values[len(values) * percent // 100] * 1000
    spent = cpu.each(commands)
    return figures | {(f"CPU of {name}", "ms a command"): value for name, value in spent.items()}
