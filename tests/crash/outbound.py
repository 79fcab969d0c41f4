"""Kills the server while mails go through its pipeline to three destinations, one of which is down, and counts what arrived.

    python -m tests.crash.outbound --mails 1000 --kills 100 [--seed 1]

Each mail goes to one recipient at each destination. At the end each recipient of the two that work has each mail that was answered
with 250, or it is parked; of the third the sender has one report for each mail, never two. A next hop may get a mail twice if the
server was killed between its answer and the note of it (SMTP knows no better): how often is told. Every other
second copy is a fault; `tests.crash.copies` says how they are told apart.
"""

import asyncio
import contextlib
import random
import re
import smtplib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.username import Username
from compostela.testing.ports import free_port
from tests.crash.copies import NOTE_SECONDS, Life, NotingPeer, Repeats, repeats, waiting_recipients
from tests.crash.harness import (
    LAST_MOMENT_SECONDS,
    Ledger,
    Verdict,
    command,
    conclude,
    inconsistencies,
    wait_for_empty_queue,
)
from tests.server_process import ServerProcess

SENDER = "user0@example.org"
DESTINATIONS = ("one.example", "two.example", "down.example")
CONNECTIONS = 4
LONGEST_LIFE_MAILS = 20
QUIET_LIFE = 4
"""Of so many lives the last one gets a few mails and is killed when all of them should long be sent and noted."""
_MARK = re.compile(rb"^X-Mark: (\S+)\r?$", re.MULTILINE)
_ERRORS = RepositoryUrl.parse("var/mail/error")
_DELIVERY = """<mailet match="HostIs={host}" class="RemoteDelivery">
    <outgoing>to-{host}</outgoing><gateway>127.0.0.1:{port}</gateway><delayTime>100, 100, 100</delayTime><maxRetries>3</maxRetries>
    <deliveryThreads>10</deliveryThreads><bounceProcessor>bounces</bounceProcessor>
</mailet>"""
_CONTAINER = """<mailetcontainer><spooler><threads>20</threads></spooler><processors>
    <processor state="root">
        <mailet match="RecipientIsLocal" class="LocalDelivery"/>
        {deliveries}
    </processor>
    <processor state="bounces"><mailet match="All" class="DSNBounce"><passThrough>false</passThrough></mailet></processor>
    <processor state="error">
        <mailet match="All" class="ToRepository"><repositoryPath>var/mail/error</repositoryPath></mailet>
    </processor>
</processors></mailetcontainer>"""


@dataclass
class OutboundVerdict(Verdict):
    """`doubled` are reports that came twice."""

    repeats: Repeats = field(default_factory=Repeats)

    @property
    def faults(self) -> list[str]:
        return [*super().faults, *self.repeats.faults]

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged; lost {len(self.lost)}, reported twice {len(self.doubled)}, "
            f"inconsistencies {len(self.inconsistent)}, parked {self.parked}; "
            f"sent again {self.repeats.unavoidable} unavoidably (at most {self.repeats.longest_note_seconds:.3f} s after the 250), "
            f"{len(self.repeats.faults)} by a fault"
        )


@contextlib.contextmanager
def next_hops(count: int) -> Iterator[list[NotingPeer]]:
    """Servers that take everything, in a thread of their own."""
    peers, loop, are_ready = [NotingPeer() for _ in range(count)], asyncio.new_event_loop(), threading.Event()
    is_over = asyncio.Event()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for peer in peers:
                await stack.enter_async_context(peer.running())
            are_ready.set()
            await is_over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert are_ready.wait(30)
        yield peers
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()
        loop.close()


class Load:
    """Clients that send what is left to be sent until the server is gone."""

    def __init__(self, server: ServerProcess, ledger: Ledger, mails: Iterator[str]) -> None:
        self._server = server
        self._ledger = ledger
        self._mails = mails
        self._lock = threading.Lock()
        self._sending = CONNECTIONS
        self._threads = [threading.Thread(target=self._run) for _ in range(CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def is_over(self) -> bool:
        """Whether every client has ended: all is sent, or the server is gone."""
        return self._sending == 0

    def _run(self) -> None:
        try:
            self._send()
        finally:
            with self._ledger.changed:
                self._sending -= 1
                self._ledger.changed.notify_all()

    def _next(self) -> str | None:
        with self._lock:
            return next(self._mails, None)

    def _send(self) -> None:
        smtp = smtplib.SMTP(timeout=30)
        try:
            smtp.connect("127.0.0.1", self._server.smtp)
            smtp.login(SENDER, "secret")
            while (mark := self._next()) is not None:
                recipients = tuple(f"{mark}@{host}" for host in DESTINATIONS)
                self._ledger.begin(mark, recipients)
                text = f"From: {SENDER}\r\nSubject: crash\r\nX-Mark: {mark}\r\n\r\nhello\r\n"
                smtp.sendmail(SENDER, recipients, text.encode())
                self._ledger.acknowledge(mark)
        except (OSError, smtplib.SMTPException):
            return
        finally:
            smtp.close()


def run(mails: int, kills: int, seed: int, folder: Path) -> OutboundVerdict:
    """The whole experiment: mails are sent between the kills; after the last one the rest is sent and all of it goes out."""
    dice = random.Random(seed)
    server, ledger = ServerProcess(folder), Ledger()
    with next_hops(2) as peers:
        ports = [*(peer.port for peer in peers), free_port()]
        deliveries = "".join(
            _DELIVERY.format(host=host, port=port) for host, port in zip(DESTINATIONS, ports, strict=True)
        )
        (server.conf / "mailetcontainer.xml").write_text(_CONTAINER.format(deliveries=deliveries))
        server.start()
        server.wait_for_web()
        server.add_user(SENDER)
        server.stop()
        marks = iter([f"m-{number}" for number in range(mails)])
        lives: list[Life] = []
        for number in range(1, kills + 1):
            lives.append(Life(time.monotonic()))
            server.start()
            if number % QUIET_LIFE:
                load = Load(server, ledger, marks)
                ledger.wait_for_more(dice.randint(0, LONGEST_LIFE_MAILS), load.is_over)
                time.sleep(dice.uniform(0.0, LAST_MOMENT_SECONDS))
            else:
                load = Load(server, ledger, islice(marks, LONGEST_LIFE_MAILS))
                load.join()
                time.sleep(1.25 * NOTE_SECONDS)
            lives[-1].killed_at = time.monotonic()
            server.kill()
            load.join()
            lives[-1].waiting = waiting_recipients(server.data / DATABASE_NAME, DESTINATIONS)
        lives.append(Life(time.monotonic()))
        server.start()
        Load(server, ledger, marks).join()
        wait_for_empty_queue(server)
        server.stop()
        return asyncio.run(_count(server.data, ledger, peers, lives))


async def _count(data: Path, ledger: Ledger, peers: list[NotingPeer], lives: list[Life]) -> OutboundVerdict:
    arrived = {
        host: Counter(copy.mark for copy in peer.copies) for host, peer in zip(DESTINATIONS, peers, strict=False)
    }
    store = await EmbeddedStore.open(data)
    reports: Counter[str] = Counter()
    for mailbox in await store.mailboxes.of_user(Username.parse(SENDER)):
        uids, _ = await store.mailboxes.uids(mailbox.id)
        for uid in uids:
            stored = await store.mailboxes.message(mailbox.id, uid)
            assert stored is not None
            if (found := _MARK.search(await stored.content.read())) is not None:
                reports[found[1].decode()] += 1
    parked: Counter[str] = Counter()
    repository = await store.repositories.select(_ERRORS)
    async for key in repository.keys():
        mail = await repository.retrieve(key)
        if mail is not None and (found := _MARK.search(await mail.content.read())) is not None:
            parked[found[1].decode()] += 1
    await store.close()
    marks = ledger.acknowledged
    lost = [f"{mark} to {host}" for mark in marks for host in arrived if not arrived[host][mark] and not parked[mark]]
    lost += [f"{mark}: no report" for mark in marks if not reports[mark] and not parked[mark]]
    doubled = [f"{mark}: {count} reports" for mark, count in reports.items() if count > 1]
    copies = [(host, copy) for host, peer in zip(DESTINATIONS, peers, strict=False) for copy in peer.copies]
    wrong = inconsistencies(data / DATABASE_NAME)
    return OutboundVerdict(
        len(marks), len(ledger.sent) - len(marks), lost, doubled, wrong, len(parked), repeats(copies, lives)
    )


def main() -> None:
    parser = command(__doc__, 100)
    parser.add_argument("--mails", type=int, default=1000)
    options = parser.parse_args()
    conclude(options, lambda folder: run(options.mails, options.kills, options.seed, folder))


if __name__ == "__main__":
    main()
