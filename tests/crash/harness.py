"""Loads the server, kills it at random moments, and counts what is there at the end.

    python -m tests.crash.harness --kills 500 [--seed 1] [--workers 2]

With workers, most kills are those of one of them, and the others are those of the supervisor, which ends all.
Every mail carries a mark of its own. A mail that was answered with 250 (or OK APPEND) must be there exactly once for each
recipient; one that was not may be there once, never twice; nothing may be left in the queue, and every counter must agree
with what it counts. A mail during which alone the server died three times is parked in the error repository (see
`compostela.processing.parking`), for recipients that have it as well: no recipient that it names has lost it.
"""

import argparse
import asyncio
import imaplib
import random
import re
import shutil
import smtplib
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import apsw

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.username import Username
from tests.server_process import ServerProcess

USERS = tuple(f"user{number}@example.org" for number in range(4))
SMTP_CONNECTIONS = 4
LMTP_CONNECTIONS = 2
IMAP_CONNECTIONS = 2
LONGEST_LIFE_MAILS = 20
LONGEST_WAIT_SECONDS = 60.0
LAST_MOMENT_SECONDS = 0.02
CLIENT_SECONDS = 60.0
"""How long a client waits for the server: a worker that comes for others takes its time on a busy machine."""
KILLED_WORKERS = 0.75
"""The share of kills that are of one worker, if there are several."""
DRAIN_SECONDS = 120.0
_REPOSITORY = RepositoryUrl.parse("var/mail/error")
_PARKED = "The server process died"
_MARK = re.compile(rb"^X-Mark: (\S+)\r?$", re.MULTILINE)
_CONNECTION_ERRORS = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, EOFError)


@dataclass
class Ledger:
    """What was sent: mark -> recipients, and which marks were acknowledged."""

    sent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, mark: str, recipients: tuple[str, ...]) -> None:
        with self.changed:
            self.sent[mark] = recipients

    def acknowledge(self, mark: str) -> None:
        with self.changed:
            self.acknowledged.add(mark)
            self.changed.notify_all()

    def wait_for_more(self, count: int, is_over: Callable[[], bool]) -> None:
        """Until `count` more mails were acknowledged, or no more will be."""
        with self.changed:
            due = len(self.acknowledged) + count
            self.changed.wait_for(lambda: len(self.acknowledged) >= due or is_over(), LONGEST_WAIT_SECONDS)


@dataclass
class Verdict:
    """What the count gave."""

    acknowledged: int
    unacknowledged: int
    lost: list[str]
    doubled: list[str]
    inconsistent: list[str]
    parked: int = 0

    @property
    def faults(self) -> list[str]:
        return [*self.lost, *self.doubled, *self.inconsistent]

    @property
    def is_clean(self) -> bool:
        return not self.faults

    def __str__(self) -> str:
        return (
            f"{self.acknowledged} acknowledged, {self.unacknowledged} not; lost {len(self.lost)}, "
            f"doubled {len(self.doubled)}, inconsistencies {len(self.inconsistent)}, parked {self.parked}"
        )


def message(mark: str, dice: random.Random) -> bytes:
    """Mostly small, now and then larger than what is kept in memory."""
    size = dice.choice([300, 2_000, 8_000, 8_000, 300_000])
    line = b"%030x\r\n" % dice.getrandbits(100)
    return b"From: a@b.example\r\nSubject: crash\r\nX-Mark: %s\r\n\r\n" % mark.encode() + line * (size // len(line))


class Load:
    """Several clients that send until the server is gone."""

    def __init__(self, server: ServerProcess, ledger: Ledger, round_number: int, seed: int) -> None:
        self._server = server
        self._ledger = ledger
        self._stop = threading.Event()
        targets = [self._smtp] * SMTP_CONNECTIONS + [self._imap] * IMAP_CONNECTIONS + [self._lmtp] * LMTP_CONNECTIONS
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(target, f"{round_number}-{number}", random.Random(f"{seed}/{round_number}/{number}")),
            )
            for number, target in enumerate(targets)
        ]  # fmt: skip

    def start(self) -> None:
        self._sending = len(self._threads)
        for thread in self._threads:
            thread.start()

    def is_over(self) -> bool:
        """Whether every client has lost its server."""
        return self._sending == 0

    def _run(self, target: Callable[[str, random.Random], None], name: str, dice: random.Random) -> None:
        try:
            target(name, dice)
        finally:
            with self._ledger.changed:
                self._sending -= 1
                self._ledger.changed.notify_all()

    def join(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _smtp(self, name: str, dice: random.Random) -> None:
        smtp = smtplib.SMTP(timeout=CLIENT_SECONDS)
        try:
            smtp.connect("127.0.0.1", self._server.smtp)
            number = 0
            while not self._stop.is_set():
                mark, recipients = f"s-{name}-{number}", tuple(dice.sample(USERS, dice.choice([1, 1, 2, 4])))
                self._ledger.begin(mark, recipients)
                smtp.sendmail("a@b.example", recipients, message(mark, dice))
                self._ledger.acknowledge(mark)
                number += 1
        except _CONNECTION_ERRORS:
            return
        finally:
            smtp.close()

    def _lmtp(self, name: str, dice: random.Random) -> None:
        lmtp = smtplib.LMTP()
        try:
            lmtp.timeout = CLIENT_SECONDS
            lmtp.connect("127.0.0.1", self._server.lmtp)
            lmtp.ehlo("client.example")  # it says LHLO
            number = 0
            while not self._stop.is_set():
                mark, recipients = f"l-{name}-{number}", tuple(dice.sample(USERS, dice.choice([1, 1, 2, 4])))
                self._ledger.begin(mark, recipients)
                lmtp.mail("a@b.example")
                for recipient in recipients:
                    lmtp.rcpt(recipient)
                codes = [lmtp.data(message(mark, dice))[0], *(lmtp.getreply()[0] for _ in recipients[1:])]
                if codes == [250] * len(recipients):
                    self._ledger.acknowledge(mark)
                number += 1
        except _CONNECTION_ERRORS:
            return
        finally:
            lmtp.close()

    def _imap(self, name: str, dice: random.Random) -> None:
        try:
            imap = imaplib.IMAP4("127.0.0.1", self._server.imap, timeout=CLIENT_SECONDS)
        except _CONNECTION_ERRORS:
            return
        try:
            user = dice.choice(USERS)
            imap.login(user, "secret")
            number = 0
            while not self._stop.is_set():
                mark = f"i-{name}-{number}"
                self._ledger.begin(mark, (user,))
                status, _ = imap.append("INBOX", "", "", message(mark, dice))
                if status == "OK":
                    self._ledger.acknowledge(mark)
                number += 1
        except _CONNECTION_ERRORS:
            return
        finally:
            imap.shutdown()


def run(kills: int, seed: int, folder: Path, *, workers: int = 1, progress: bool = False) -> Verdict:
    """The whole experiment."""
    dice = random.Random(seed)
    server, ledger = ServerProcess(folder, workers=workers), Ledger()
    server.start()
    server.wait_for_web()
    for user in USERS:
        server.add_user(user)
    server.stop()
    for number in range(kills):
        if not server.is_running():
            server.start()
        load = Load(server, ledger, number, seed)
        load.start()
        # lives are counted in mails, not in seconds: a busy machine does as much in each
        ledger.wait_for_more(dice.randint(0, LONGEST_LIFE_MAILS), load.is_over)
        time.sleep(dice.uniform(0.0, LAST_MOMENT_SECONDS))
        if workers > 1 and dice.random() < KILLED_WORKERS:
            server.kill_worker(dice)
        else:
            server.kill()
        load.join()
        if progress:
            print(f"\rkill {number + 1} of {kills}, {len(ledger.acknowledged)} acknowledged", end="", flush=True)
    if progress:
        print()
    if not server.is_running():
        server.start()
    wait_for_empty_queue(server)
    server.stop()
    return asyncio.run(_count(server.data, ledger))


def wait_for_empty_queue(server: ServerProcess) -> None:
    """Gives up after a while: the count tells what is left."""
    connection = apsw.Connection(str(server.data / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    end = time.monotonic() + DRAIN_SECONDS
    while connection.execute("SELECT count(*) FROM queue_entry").get:
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    connection.close()


async def _count(data: Path, ledger: Ledger) -> Verdict:
    found: Counter[tuple[str, str]] = Counter()
    store = await EmbeddedStore.open(data)
    for user in USERS:
        for mailbox in await store.mailboxes.of_user(Username.parse(user)):
            uids, _ = await store.mailboxes.uids(mailbox.id)
            for uid in uids:
                stored = await store.mailboxes.message(mailbox.id, uid)
                assert stored is not None
                mark = _MARK.search(stored.content.header)
                await stored.content.read()
                if mark is not None:
                    found[mark.group(1).decode(), user] += 1
    parked: set[tuple[str, str]] = set()
    others = []
    repository = await store.repositories.select(_REPOSITORY)
    async for key in repository.keys():
        mail = await repository.retrieve(key)
        assert mail is not None
        mark = _MARK.search(mail.content.header)
        if mark is not None and _PARKED in (mail.error_message or ""):
            parked.update((mark.group(1).decode(), str(recipient)) for recipient in mail.recipients)
        else:
            others.append(f"a mail in the error repository: {key}: {mail.error_message}")
    await store.close()
    due = [(mark, user) for mark in ledger.acknowledged for user in ledger.sent[mark]]
    lost = [f"{mark} to {user}" for mark, user in due if found[mark, user] == 0 and (mark, user) not in parked]
    doubled = [f"{mark} to {user}: {count}" for (mark, user), count in found.items() if count > 1]
    return Verdict(
        len(ledger.acknowledged),
        len(ledger.sent) - len(ledger.acknowledged),
        lost,
        doubled,
        [*inconsistencies(data / DATABASE_NAME), *others],
        len({mark for mark, _ in parked}),
    )


_RECOUNTS = {
    "counters of a mailbox": """SELECT m.id FROM mailbox m WHERE
        (m.messages, m.unseen, m.deleted, m.size_bytes) IS NOT (SELECT count(*), coalesce(sum(flags & 1 = 0), 0),
        coalesce(sum(flags & 8 != 0), 0), coalesce(sum(size), 0) FROM placement p WHERE p.mailbox = m.id)""",
    "a UID or ModSeq beyond the head": """SELECT p.mailbox, p.uid FROM placement p JOIN mailbox m ON m.id = p.mailbox
        WHERE p.uid >= m.uid_next OR p.modseq > m.highest_modseq""",
    "a placement without its message": "SELECT uid FROM placement WHERE message NOT IN (SELECT id FROM message)",
    "a message without its body": "SELECT id FROM message WHERE body NOT IN (SELECT id FROM blob)",
    "a queue entry that was left": "SELECT entry FROM queue_entry",
    "an effect that was left": "SELECT entry, key FROM effect",
}


def inconsistencies(database: Path) -> list[str]:
    """What does not agree in a store at rest."""
    connection = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    found = [f"{what}: {row}" for what, query in _RECOUNTS.items() for row in connection.execute(query)]
    check = connection.execute("PRAGMA integrity_check").fetchall()
    connection.close()
    return found + [f"integrity: {row[0]}" for row in check if row[0] != "ok"]


def command(description: str | None, kills: int) -> argparse.ArgumentParser:
    """The options of every experiment; `kills` is the default of their number."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=kills)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    return parser


def conclude(options: argparse.Namespace, experiment: Callable[[Path], Verdict]) -> NoReturn:
    """Runs an experiment in a folder of its own, shows what came of it, and ends the process. The folder is kept if something is
    wrong."""
    print(f"seed {options.seed}")
    folder = Path(tempfile.mkdtemp(prefix="compostela-crash-"))
    verdict = experiment(folder)
    print(f"{options.kills} kills: {verdict}")
    for line in verdict.faults[:50]:
        print(f"  {line}")
    if verdict.is_clean:
        shutil.rmtree(folder)
    else:
        print(f"the data folder and the log are kept: {folder}")
    sys.exit(0 if verdict.is_clean else 1)


def main() -> None:
    parser = command(__doc__, 500)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    conclude(options, lambda folder: run(options.kills, options.seed, folder, workers=options.workers, progress=True))


if __name__ == "__main__":
    main()
