"""What idle IMAP sessions cost: memory, and CPU while another process writes."""

import asyncio
import contextlib
import resource
import time

import uvloop
from tests.consistency.run import Neighbour

from bench.imap_client import ImapClient
from bench.messages import Source
from bench.ours import Ours
from bench.processes import cpu_clock, resident_kib
from bench.sides import IMAP_USERS, PASSWORD, PROBE, Effort
from bench.table import Row, at_most
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username

MESSAGES = 1000
AT_ONCE = 20
REST_SECONDS = 1.0
APPENDS_A_SECOND = 100
APPEND_SIZE = 4096
WRITERS = 10
"""Connections that share the appends."""
DESCRIPTORS_BESIDE = 200


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
    return rows + across_processes(effort)


def across_processes(effort: Effort) -> list[Row]:
    """Two processes on one data folder: one has idle sessions alone, each on a mailbox of its own, the other takes appends to a mailbox
    that none of them has selected."""
    sessions, seconds = effort.of(5000, 1000), effort.of(30, 10)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, sessions + DESCRIPTORS_BESIDE), hard))
    ours = Ours(effort.folder / "idle")
    beside = Neighbour(effort.folder / "beside")
    beside.of = ours.server
    each = sessions // len(IMAP_USERS)
    asyncio.run(_make_mailboxes(ours, each))
    try:
        ours.start_with_users((*IMAP_USERS, PROBE))
        beside.start()
        quiet, busy = uvloop.run(_beside_appends(ours, beside.imap, each, seconds))
    finally:
        beside.stop()
        ours.stop()
    name = f"CPU of {sessions:,} selected idle sessions, two processes"
    return [
        Row(name, "% of a core", quiet * 100),
        Row(f"{name}, {APPENDS_A_SECOND} appends/s in the other", "% of a core", busy * 100, None, at_most(3)),
    ]


async def _make_mailboxes(ours: Ours, each: int) -> None:
    store = await EmbeddedStore.open(ours.server.data)
    for user in map(Username.parse, IMAP_USERS):
        await asyncio.gather(
            *(store.mailboxes.create(MailboxPath.personal(user, f"Box{number}")) for number in range(each))
        )
    await store.close()


async def _beside_appends(ours: Ours, port: int, each: int, seconds: float) -> tuple[float, float]:
    """CPU of the first process, as a part of a core: before the appends, and with them."""
    async with contextlib.AsyncExitStack() as stack:
        for number in range(each):
            idle = await asyncio.gather(*(_selected(ours.imap, user, f"Box{number}") for user in IMAP_USERS))
            for client in idle:
                stack.callback(client.close)
                await client.idle(lambda _: None)
        writers = await asyncio.gather(*(_selected(port, PROBE, "INBOX") for _ in range(WRITERS)))
        for writer in writers:
            stack.callback(writer.close)
        assert ours.server.process is not None
        pid = ours.server.process.pid
        await asyncio.sleep(REST_SECONDS)
        before, start = cpu_clock(pid), time.perf_counter()
        await asyncio.sleep(seconds)
        quiet = (cpu_clock(pid) - before) / (time.perf_counter() - start)
        before, start = cpu_clock(pid), time.perf_counter()
        await asyncio.gather(*(_append(writer, number, seconds) for number, writer in enumerate(writers)))
        return quiet, (cpu_clock(pid) - before) / (time.perf_counter() - start)


async def _selected(port: int, user: str, mailbox: str, *, tls: bool = False) -> ImapClient:
    client = await ImapClient.connect(port, tls=tls)
    await client.login(user, PASSWORD)
    await client.command(f"SELECT {mailbox}".encode())
    return client


async def _append(client: ImapClient, number: int, seconds: float) -> None:
    """This connection's share, at a steady pace; late ones are made up for."""
    source, start = Source(APPEND_SIZE, f"idle-{number}"), time.perf_counter()
    for done in range(int(seconds * APPENDS_A_SECOND / WRITERS)):
        due = start + (done + number / WRITERS) * WRITERS / APPENDS_A_SECOND
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await client.command(b"APPEND INBOX", source.next())


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
    return await asyncio.gather(*(_selected(port, IMAP_USERS[0], "INBOX", tls=tls) for _ in range(count)))


def _resident(ours: Ours) -> float:
    """In kB, of a thousand octets."""
    time.sleep(REST_SECONDS)
    return sum(map(resident_kib, ours.pids())) * 1.024
