"""SELECT of a mailbox with 100,000 messages, and how long others wait meanwhile."""

import asyncio
import multiprocessing
import time
from statistics import median

import uvloop

from bench.imap_client import ImapClient
from bench.ours import Ours
from bench.sides import IMAP_USERS, PASSWORD, Effort
from bench.table import Row, at_most

READER, PINGER = IMAP_USERS[:2]
PING_SECONDS = 0.001
BETWEEN_SECONDS = 0.1
Spans = list[tuple[float, float]]
"""Beginnings and ends on the machine's monotonic clock, which is the same in every process."""


def measure(effort: Effort) -> list[Row]:
    messages, repeats = effort.of(100_000, 20_000), effort.of(20, 8)
    ours = Ours(effort.folder / "large")
    try:
        ours.start_with_users((READER, PINGER))
        ours.fill(READER, messages)
        ours.stop()
        # nothing of the mailbox is in the memory of a server that has just started
        ours.start()
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            pinging = pool.apply_async(ping, (ours.imap, BETWEEN_SECONDS * 3 * repeats))
            selects = uvloop.run(_selects(ours.imap, repeats))
            pings = pinging.get(120)
    finally:
        ours.stop()
    name = f"SELECT of {messages:,} messages"
    held_up = [_longest(pings, span) for span in selects]
    quiet = [end - start for start, end in pings if not any(_meet((start, end), span) for span in selects)]
    return [
        Row(f"{name}, first", "ms", _length(selects[0]) * 1000, target=at_most(50)),
        Row(f"{name}, median", "ms", median(map(_length, selects)) * 1000, target=at_most(50)),
        Row(
            "another session's NOOP meanwhile, longest of each SELECT, median",
            "ms",
            median(held_up) * 1000,
            None,
            at_most(10),
        ),
        Row("another session's NOOP meanwhile, longest of all", "ms", max(held_up) * 1000),
        Row("NOOP without SELECTs, longest", "ms", max(quiet, default=0.0) * 1000),
    ]


async def _selects(port: int, repeats: int) -> Spans:
    client = await ImapClient.connect(port)
    await client.login(READER, PASSWORD)
    # once the pinger is at work
    await asyncio.sleep(1.0)
    spans = []
    for _ in range(repeats):
        start = time.perf_counter()
        await client.command(b"SELECT INBOX")
        spans.append((start, time.perf_counter()))
        await client.command(b"SELECT Sent")
        await asyncio.sleep(BETWEEN_SECONDS)
    client.close()
    return spans


def ping(port: int, seconds: float) -> Spans:
    """NOOPs a millisecond apart. Runs in a process of its own."""
    return uvloop.run(_ping(port, seconds))


async def _ping(port: int, seconds: float) -> Spans:
    client = await ImapClient.connect(port)
    await client.login(PINGER, PASSWORD)
    spans, end = [], time.perf_counter() + 1.0 + seconds
    while (start := time.perf_counter()) < end:
        await client.command(b"NOOP")
        spans.append((start, time.perf_counter()))
        await asyncio.sleep(PING_SECONDS)
    client.close()
    return spans


def _longest(pings: Spans, span: tuple[float, float]) -> float:
    return max((_length(one) for one in pings if _meet(one, span)), default=0.0)


def _length(span: tuple[float, float]) -> float:
    return span[1] - span[0]


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
