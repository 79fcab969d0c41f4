"""IMAP: the mix of commands, long listings, and APPEND."""

import asyncio
import time
from statistics import median

import uvloop

from bench import imap_load
from bench.imap_client import ImapClient
from bench.messages import Source
from bench.processes import CORES, CpuMeter
from bench.sides import IMAP_USERS, PASSWORD, PROBE, SMTP_USERS, Effort, Side
from bench.table import NO_SLOWER, Row, Target, at_most, times

MESSAGES = 1000
LONG_MESSAGES = 10_000
LONG = PROBE
"""The user with the long INBOX."""
APPENDS = SMTP_USERS[0]
_FASTER = Target("< peer", lambda ours, peer: None if peer is None else ours < peer)


def measure(ours: Side, peer: Side | None, effort: Effort) -> list[Row]:
    own = _side(ours, effort.of(60, 20), effort)
    other = _side(peer, effort.of(25, 10), effort) if peer else None
    targets = {
        "IMAP mix, 10 connections": times(3),
        "IMAP mix, CPU": at_most(0.45),
        "FETCH 1:* (UID FLAGS) of 10,000": NO_SLOWER,
        "FETCH of 100 (ENVELOPE BODYSTRUCTURE), first time": _FASTER,
        "FETCH 1:100 (ENVELOPE BODYSTRUCTURE)": _FASTER,
        "APPEND 4 KiB, p50": _FASTER,
    }
    return [
        Row(name, unit, value, other[name, unit] if other else None, targets.get(name))
        for (name, unit), value in own.items()
    ]


def _side(side: Side, sessions: int, effort: Effort) -> dict[tuple[str, str], float]:
    """Figures by name and unit."""
    for user in IMAP_USERS:
        side.fill(user, MESSAGES)
    side.fill(LONG, LONG_MESSAGES)
    uvloop.run(_make_sent(side))
    imap_load.run(side.imap, IMAP_USERS, 2, MESSAGES)
    runs = [_mix(side, sessions) for _ in range(effort.repeats)]
    figures = {name: median(run[name] for run in runs) for name in runs[0]}
    return figures | uvloop.run(_single(side, effort.of(30, 10)))


async def _make_sent(side: Side) -> None:
    """What some servers make at the first login, and others when asked."""
    for user in (*IMAP_USERS, APPENDS):
        client = await ImapClient.connect(side.imap)
        await client.login(user, PASSWORD)
        if b" Sent" not in (await client.command(b'LIST "" "Sent"')).replace(b'"', b""):
            await client.command(b"CREATE Sent")
        client.close()


def _mix(side: Side, sessions: int) -> dict[tuple[str, str], float]:
    cpu = CpuMeter(side.pids)
    result = imap_load.run(side.imap, IMAP_USERS, sessions, MESSAGES)
    figures = {
        ("IMAP mix, 10 connections", "commands/s"): result.rate,
        ("IMAP mix, CPU", "ms a command"): cpu.spent() / result.commands * 1000,
    }
    for name in imap_load.COMMANDS:
        for percent in (50, 99):
            figures[f"IMAP mix, {name}, p{percent}", "ms"] = result.milliseconds(name, percent / 100)
    share = result.cpu_seconds / result.seconds / CORES * 100
    figures["IMAP mix, CPU share of the generator", "% of the machine"] = share
    return figures


async def _single(side: Side, repeats: int) -> dict[tuple[str, str], float]:
    """One connection that has the server to itself. "First time" is of messages that no client has fetched; otherwise the
    first answers, which fill caches, do not count."""
    listing, reader, writer = [await ImapClient.connect(side.imap) for _ in range(3)]
    await listing.login(LONG, PASSWORD)
    await listing.command(b"SELECT INBOX")
    await reader.login(IMAP_USERS[0], PASSWORD)
    await reader.command(b"SELECT INBOX")
    await writer.login(APPENDS, PASSWORD)
    fresh = [await _timed(reader, b"FETCH %d:%d (ENVELOPE BODYSTRUCTURE)" % (n, n + 99)) for n in range(201, 1000, 100)]
    figures = {
        ("FETCH of 100 (ENVELOPE BODYSTRUCTURE), first time", "ms"): median(fresh) * 1000,
        ("FETCH 1:* (UID FLAGS) of 10,000", "ms"): await _typical(listing, b"FETCH 1:* (UID FLAGS)", repeats),
        ("FETCH 1:100 (ENVELOPE BODYSTRUCTURE)", "ms"): await _typical(
            reader, b"FETCH 1:100 (ENVELOPE BODYSTRUCTURE)", repeats
        ),
        ("SEARCH SUBJECT in 1,000", "ms"): await _typical(reader, b"SEARCH SUBJECT measure", repeats),
        ("FETCH 1:100 (BODY.PEEK[])", "ms"): await _typical(reader, b"FETCH 1:100 (BODY.PEEK[])", repeats),
    }
    source, seconds = Source(imap_load.APPEND_SIZE, f"append-{time.time_ns()}"), []
    for _ in range(5 * repeats):
        start = time.perf_counter()
        await writer.command(b"APPEND Sent", source.next())
        seconds.append(time.perf_counter() - start)
    figures["APPEND 4 KiB, p50", "ms"] = median(seconds) * 1000
    await asyncio.gather(*(client.command(b"LOGOUT") for client in (listing, reader, writer)))
    return figures


async def _typical(client: ImapClient, line: bytes, repeats: int) -> float:
    """The median in milliseconds."""
    return median([await _timed(client, line) for _ in range(repeats + 2)][2:]) * 1000


async def _timed(client: ImapClient, line: bytes) -> float:
    start = time.perf_counter()
    await client.command(line)
    return time.perf_counter() - start
