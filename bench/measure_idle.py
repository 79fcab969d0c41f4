"""What an idle IMAP session costs in memory."""

import asyncio
import time

import uvloop

from bench.imap_client import ImapClient
from bench.ours import Ours
from bench.processes import resident_kib
from bench.sides import IMAP_USERS, PASSWORD, Effort
from bench.table import Row, at_most

MESSAGES = 1000
AT_ONCE = 20
REST_SECONDS = 1.0


def measure(effort: Effort) -> list[Row]:
    """A server of its own for each kind: memory that was once used is not always given back."""
    sessions = effort.of(1000, 300)
    rows = []
    for tls, limit in ((False, 10), (True, 60)):
        ours = Ours(effort.folder / ("tls" if tls else "plain"))
        try:
            ours.start_with_users((IMAP_USERS[0],))
            ours.fill(IMAP_USERS[0], MESSAGES)
            selected, idling = uvloop.run(_sessions(ours, sessions, tls=tls))
        finally:
            ours.stop()
        kind = "with TLS" if tls else "plain"
        rows += [
            Row(
                f"memory of an IMAP session at rest, {kind}, 1,000 messages selected",
                "kB",
                selected,
                None,
                at_most(limit),
            ),
            Row(f"the same in IDLE, {kind}", "kB", idling),
        ]
    return rows


async def _sessions(ours: Ours, count: int, *, tls: bool) -> tuple[float, float]:
    """kB a session after SELECT, and after IDLE."""
    port = ours.imaps if tls else ours.imap
    for client in await _open(port, AT_ONCE, tls=tls):
        await client.command(b"LOGOUT")
        client.close()
    before = _resident(ours)
    clients: list[ImapClient] = []
    while len(clients) < count:
        clients += await _open(port, min(AT_ONCE, count - len(clients)), tls=tls)
    selected = _resident(ours)
    for client in clients:
        await client.idle(lambda _: None)
    idling = _resident(ours)
    for client in clients:
        client.close()
    return (selected - before) / count, (idling - before) / count


async def _open(port: int, count: int, *, tls: bool) -> list[ImapClient]:
    return await asyncio.gather(*(_one(port, tls=tls) for _ in range(count)))


async def _one(port: int, *, tls: bool) -> ImapClient:
    client = await ImapClient.connect(port, tls=tls)
    await client.login(IMAP_USERS[0], PASSWORD)
    await client.command(b"SELECT INBOX")
    return client


def _resident(ours: Ours) -> float:
    """In kB, of a thousand octets."""
    time.sleep(REST_SECONDS)
    return sum(map(resident_kib, ours.pids())) * 1.024
