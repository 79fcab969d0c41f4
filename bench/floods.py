"""`python -m bench.floods`: what hostile clients cost the server, and what everybody else feels of them meanwhile.

Each flood runs against a server of its own, on loopback, for a bounded time. While it runs a well-behaved client sends one
mail after another, each over a new connection, and every answer it waits for is timed.
"""

import argparse
import asyncio
import ctypes
import json
import multiprocessing
import resource
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvloop

from bench import flooding, table
from bench.ours import Ours
from bench.percentiles import percentile
from bench.processes import resident_kib
from bench.sides import PROBE
from bench.table import Row, at_most, exactly

PROBE_SECONDS = 0.05
"""Between the beginnings of two mails of the well-behaved client."""
MEMORY_SECONDS = 0.1
P99_MILLISECONDS = 100.0
SETTLE_SECONDS = 1.0
BY_ADDRESS = 500
"""`connectionLimitPerIP` of the flood that meets it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One flood. `memory_mb` is the bound of what the server may grow by."""

    name: str
    text: str
    connections: int
    memory_mb: float
    per: str
    taken: int | None = None
    """With `connectionLimitPerIP`: how many connections must be taken."""


KINDS = (
    Kind("idle", "connections left idle", 10_000, 200, "connections"),
    Kind(
        "limited",
        f"12,000 connections, {BY_ADDRESS} of an address allowed",
        12_000,
        200,
        "taken",
        BY_ADDRESS * flooding.SOURCES,
    ),
    Kind("slow", "commands octet by octet, 1,000 connections", 1000, 100, "octets"),
    Kind("lines", "1 MB lines without an end, 20 connections", 20, 100, "lines"),
    Kind("recipients", "100,000 RCPT at one go, 4 connections", 4, 100, "answers"),
    Kind("data", "endless DATA, 8 connections", 8, 100, "chunks of 256 kB"),
    Kind("resets", "RSET storm, 20 connections", 20, 100, "answers"),
    Kind("unread", "RSET storm, answers unread, 200 connections", 200, 250, "commands sent"),
)


@dataclass(slots=True)
class Felt:
    """What the well-behaved client felt."""

    seconds: list[float] = field(default_factory=list)
    mails: int = 0
    failures: int = 0

    def milliseconds(self, part: float) -> float:
        return percentile(sorted(self.seconds), part) * 1000


async def _mail(port: int, felt: Felt) -> None:
    """One mail over a connection of its own; each answer is timed from the last octet that asked for it."""
    began = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for ask in (
            b"",
            b"EHLO good.example\r\n",
            b"MAIL FROM:<sender@good.example>\r\n",
            f"RCPT TO:<{PROBE}>\r\n".encode(),
            b"DATA\r\n",
            b"Subject: hello\r\n\r\nAll is well.\r\n.\r\n",
            b"QUIT\r\n",
        ):
            if ask:
                began = time.perf_counter()
                writer.write(ask)
            while (line := await reader.readline())[3:4] == b"-":
                pass
            if line[:1] not in (b"2", b"3"):
                raise ConnectionError(line.decode(errors="replace"))
            felt.seconds.append(time.perf_counter() - began)
        felt.mails += 1
    finally:
        writer.close()


async def _behave(port: int, seconds: float) -> Felt:
    felt, end = Felt(), time.monotonic() + seconds
    while time.monotonic() < end:
        due = time.monotonic() + PROBE_SECONDS
        try:
            async with asyncio.timeout(10.0):
                await _mail(port, felt)
        except (OSError, TimeoutError):
            felt.failures += 1
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    return felt


async def _behave_and_watch(ours: Ours, seconds: float) -> tuple[Felt, float]:
    """What was felt, and the most memory in MB that the server had."""
    most = 0.0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, _resident_mb(ours))
            await asyncio.sleep(MEMORY_SECONDS)

    watching = asyncio.create_task(watch())
    felt = await _behave(ours.smtp, seconds)
    watching.cancel()
    return felt, most


def _resident_mb(ours: Ours) -> float:
    return sum(map(resident_kib, ours.pids())) * 1.024 / 1000


def measure(kind: Kind, folder: Path, seconds: float, workers: int) -> list[Row]:
    ours = Ours(folder, workers=workers)
    if kind.taken:
        servers = ours.server.conf / "smtpserver.xml"
        limit = f"<connectionLimitPerIP>{BY_ADDRESS}</connectionLimitPerIP>"
        servers.write_text(servers.read_text().replace("<verifyIdentity>", f"{limit}<verifyIdentity>"))
    context = multiprocessing.get_context("spawn")
    over, done = context.Event(), context.Value(ctypes.c_long, 0)
    flooder = context.Process(
        target=flooding.run, args=(kind.name, ours.smtp, kind.connections, over, done), daemon=True
    )
    try:
        ours.start_with_users((PROBE,))
        quiet = uvloop.run(_behave(ours.smtp, seconds / 4))
        time.sleep(SETTLE_SECONDS)
        before = _resident_mb(ours)
        flooder.start()
        felt, most = uvloop.run(_behave_and_watch(ours, seconds))
        over.set()
        flooder.join(20)
        after = uvloop.run(_behave(ours.smtp, min(1.0, seconds)))
    finally:
        over.set()
        if flooder.is_alive():
            flooder.kill()
        ours.stop()
    if not after.mails:
        raise RuntimeError(f"after the flood {kind.name!r} the server serves nobody")
    name = kind.text
    return [
        Row(f"{name}: done", kind.per, done.value, None, exactly(kind.taken) if kind.taken else None),
        Row(f"{name}: p99 of others", "ms", felt.milliseconds(0.99), None, at_most(P99_MILLISECONDS)),
        Row(f"{name}: p99 before it", "ms", quiet.milliseconds(0.99)),
        Row(f"{name}: longest of others", "ms", felt.milliseconds(1.0)),
        Row(f"{name}: mails of others that failed", f"of {felt.mails + felt.failures}", felt.failures, None, at_most(0)),
        Row(f"{name}: memory grown by", "MB", max(0.0, most - before), None, at_most(kind.memory_mb)),
    ]  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.floods", description=__doc__)
    names = [kind.name for kind in KINDS]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=f"some of: {', '.join(names)}")
    parser.add_argument("--seconds", type=float, default=15.0, help="how long each flood lasts (15)")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server (1)")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows: list[Row] = []
    for kind in KINDS:
        if options.only and kind.name not in options.only:
            continue
        print(kind.text, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="compostela-flood-") as folder:
            rows += measure(kind, Path(folder), options.seconds, options.workers)
    print(json.dumps([row.as_dict() for row in rows], indent=1) if options.json else table.render(rows))
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
