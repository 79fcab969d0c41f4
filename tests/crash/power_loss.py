"""Power loss: SIGKILL leaves the page cache, a power cut does not.

    python -m tests.crash.power_loss --states 500 [--seed 1]

A store takes mails as the server does (queue, pipeline, mailboxes, relay, repository, garbage collection, checkpoints), every
write and sync recorded. Then the disk is made as it may be when the power goes at some moment, the store opened on it, what
waits in the queue is run again, and everything is counted: an acknowledged mail is there once with its octets, an acknowledged
removal is not undone, what was only begun is there once or not at all; no row lacks its body, and SQLite finds its file whole.

The seed gives the load, the moments and the luck of the disk; the threads' timing is not in its hand.
"""

import argparse
import asyncio
import hashlib
import random
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import apsw

from compostela.adapters.embedded import checkpoints
from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.packing import unpack
from compostela.adapters.embedded.queue import EmbeddedQueueItem
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import CompostelaError
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mail.model import Mail
from compostela.core.mailbox.model import NewMessage
from compostela.core.repository.ports import RepositoryUrl
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EffectKey, MailboxId
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from tests.crash.disk_states import Disk
from tests.crash.harness import inconsistencies
from tests.crash.recording import Recorder

SIZES = (1_000, 1_000, 4_000, 4_000, 4_000, 16_000, 60_000, 200_000, 300_000, 1_000_000)
SPILL_BYTES = 256 * 1024
"""From here on a body goes to a file, as in the server."""
MEMORY_BYTES = 1024 * 1024 * 1024
BODIES = 40
"""So few that some mails have the same body."""
CLIENTS, MAILS_OF_A_CLIENT = 6, 14
FOLDER = "data"
_USER = Username.parse("user@example.org")
_INBOX = MailboxPath.inbox(_USER)
_ARCHIVE = MailboxPath.personal(_USER, "Archive")
_REPOSITORY = RepositoryUrl.parse("var/mail/error")
_DEADLINE_SECONDS = 5.0

_BODYLESS = """SELECT '{0}', id FROM {0} WHERE body NOT IN (SELECT id FROM blob)"""
_COUNTS = """SELECT id FROM repository r WHERE size != (SELECT count(*) FROM repository_mail WHERE repository = r.id)"""


@dataclass
class Report:
    """What the experiment gave. A fault names the event at which the power went and the luck of the disk."""

    states: int = 0
    events: int = 0
    acknowledged: int = 0
    luck: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        luck = ", ".join(f"{name} {count}" for name, count in sorted(self.luck.items()))
        return (
            f"{self.states} states of {self.events} events, {self.acknowledged} acknowledgements; unsynced writes kept: {luck}; "
            f"{len(self.faults)} faults"
        )


def octets(mark: str, seed: int) -> tuple[bytes, bytes]:
    """Header block and body of a mail, the same whenever they are asked for."""
    number = random.Random(f"{seed}/{mark}").randrange(BODIES)
    dice = random.Random(f"{seed}/body/{number}")
    body = (
        dice.randbytes(SIZES[number % len(SIZES)])
        if number % 2
        else b"All work and no play.\r\n" * (SIZES[number % len(SIZES)] // 23)
    )
    return f"Subject: power loss\r\nX-Mark: {mark}\r\n\r\n".encode(), b"%d\r\n" % number + body


class Load:
    """What the clients and the pipeline do. The first letter of a mark says where its mail is to end: d(elivered),
    r(elayed), s(tored), a(ppended)."""

    def __init__(self, store: EmbeddedStore, recorder: Recorder, seed: int) -> None:
        self._store = store
        self._recorder = recorder
        self._seed = seed
        self._inbox = self._archive = MailboxId("")
        self._underway: asyncio.Queue[str] = asyncio.Queue()
        """What was enqueued and has not left the pipeline yet."""

    async def run(self) -> None:
        self._inbox = (await self._store.mailboxes.create(_INBOX)).id
        self._archive = (await self._store.mailboxes.create(_ARCHIVE)).id
        async with asyncio.TaskGroup() as group:
            pipeline = [group.create_task(self._pipeline(number)) for number in range(3)]
            relay = group.create_task(self._relay())
            clients = [group.create_task(self._client(number)) for number in range(CLIENTS)]
            await asyncio.wait(clients)
            await self._underway.join()
            for task in (*pipeline, relay):
                task.cancel()

    async def _client(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/client/{number}")
        for count in range(MAILS_OF_A_CLIENT):
            mark = f"{dice.choice('dddrrsa')}{number}-{count}"
            content = await self._content(mark)
            self._recorder.mark(mark, "adding")
            if mark[0] in "dr":
                self._underway.put_nowait(mark)
                await self._store.queues.queue("spool").enqueue(_mail(mark, content))
            elif mark[0] == "s":
                await (await self._store.repositories.select(_REPOSITORY)).store(_mail(mark, content))
            else:
                await self._append(self._inbox, content)
            self._recorder.mark(mark, "added")
            if mark[0] == "s" and dice.random() < 0.3:
                self._recorder.mark(mark, "removing")
                await (await self._store.repositories.select(_REPOSITORY)).remove(mark)
                self._recorder.mark(mark, "removed")
            if dice.random() < 0.2:
                await self._store.collect_garbage()

    async def _content(self, mark: str) -> MessageContent:
        header, data = octets(mark, self._seed)
        if len(data) < SPILL_BYTES:
            return MessageContent(header, MemoryBody(data))
        spill = self._store.blobs.spill()
        for start in range(0, len(data), 65_536):
            spill.write(data[start : start + 65_536])
            await asyncio.sleep(0)
        body: Body = await spill.finish()
        return MessageContent(header, body)

    async def _append(self, mailbox: MailboxId, content: MessageContent, effect: Effect | None = None) -> int:
        message = NewMessage(content, b"", 0)
        return (await self._store.mailboxes.append(mailbox, [message], effect))[0].uid

    async def _pipeline(self, number: int) -> None:
        dice = random.Random(f"{self._seed}/pipeline/{number}")
        while True:
            item = await self._store.queues.queue("spool").dequeue()
            uid = await process(self._store, self._inbox, item)
            mark = item.mail.name
            luck = dice.random()
            if uid is not None and luck < 0.3:
                await self._store.mailboxes.move(self._inbox, UidSet.of([uid]), self._archive)
            elif uid is not None and luck < 0.7:
                self._recorder.mark(mark, "removing")
                await self._store.mailboxes.remove(self._inbox, UidSet.of([uid]))
                self._recorder.mark(mark, "removed")
            if mark[0] == "d":
                self._underway.task_done()

    async def _relay(self) -> None:
        dice = random.Random(f"{self._seed}/relay")
        queue = self._store.queues.queue("outgoing")
        while True:
            item = await queue.dequeue()
            if dice.random() < 0.5:
                item.mail.error_message = "deferred"
                await item.retry(item.mail)
                continue
            self._recorder.mark(item.mail.name, "removing")
            await item.done()
            self._recorder.mark(item.mail.name, "removed")
            self._underway.task_done()


async def process(store: EmbeddedStore, inbox: MailboxId, item: EmbeddedQueueItem) -> int | None:
    """One run of the pipeline; the UID when the mail was delivered here."""
    uid = None
    effect = Effect(item.entry, EffectKey("out"))
    if item.mail.name[0] == "d":
        message = NewMessage(item.mail.content, b"", 0)
        uid = (await store.mailboxes.append(inbox, [message], effect))[0].uid
    else:
        await store.queues.queue("outgoing").enqueue(item.mail, effect=effect)
    await item.done()
    return uid


def _mail(mark: str, content: MessageContent) -> Mail:
    return Mail(mark, MailAddress.parse("a@b.example"), [MailAddress.parse("user@example.org")], content)


def record(folder: Path, seed: int) -> Recorder:
    """The load on a new store in `folder`, which is its disk."""
    recorder = Recorder(folder)

    async def work() -> None:
        store = await EmbeddedStore.open(folder / FOLDER, reserve_bytes=0)
        await Load(store, recorder, seed).run()
        await store.close()

    # so small a load would not be checkpointed otherwise
    small = {"COPY_PAGES": 100, "RESTART_PAGES": 400}
    with recorder.recording(), mock.patch.multiple(checkpoints, **small):
        asyncio.run(work())
    return recorder


async def examine(data: Path, expected: dict[str, str], seed: int) -> list[str]:
    """Opens the store, ends what was begun, and counts."""
    try:
        store = await EmbeddedStore.open(data, reserve_bytes=0)
        try:
            async with asyncio.timeout(_DEADLINE_SECONDS):
                found, faults = await _contents(store, seed)
        finally:
            await store.close()
    except (CompostelaError, apsw.Error, OSError, TimeoutError) as error:
        return [f"the store does not work: {error!r}"]
    for mark, phase in expected.items():
        least, most = {"adding": (0, 1), "added": (1, 1), "removing": (0, 1), "removed": (0, 0)}[phase]
        if not least <= found[mark] <= most:
            faults.append(f"{mark}, {phase}, is there {found[mark]} times")
    faults += [f"{mark} was never sent" for mark in found if mark not in expected]
    return faults + inconsistencies(data / DATABASE_NAME) + _bodies(data)


async def _contents(store: EmbeddedStore, seed: int) -> tuple[Counter[str], list[str]]:
    """Marks of the mails that are there, and which of these are not as they were sent."""
    found: Counter[str] = Counter()
    faults: list[str] = []

    async def look(place: str, content: MessageContent) -> None:
        data = await content.read()
        mark = data[:200].partition(b"X-Mark: ")[2].partition(b"\r\n")[0].decode(errors="replace")
        found[mark] += 1
        if data != b"".join(octets(mark, seed)):
            faults.append(f"the octets of {mark} in {place}")

    inbox = await store.mailboxes.find(_INBOX)
    spool, outgoing = store.queues.queue("spool"), store.queues.queue("outgoing")
    for _ in range(await spool.size()):
        assert inbox is not None
        await process(store, inbox.id, await spool.dequeue())
    for _ in range(await outgoing.size()):
        item = await outgoing.dequeue()
        await look("the outgoing queue", item.mail.content)
        await item.done()
    for mailbox in await store.mailboxes.of_user(_USER):
        for uid in (await store.mailboxes.uids(mailbox.id))[0]:
            stored = await store.mailboxes.message(mailbox.id, uid)
            assert stored is not None
            await look(mailbox.path.name, stored.content)
    repository = await store.repositories.select(_REPOSITORY)
    async for key in repository.keys():
        mail = await repository.retrieve(key)
        assert mail is not None
        await look("the repository", mail.content)
    return found, faults


def _bodies(data: Path) -> list[str]:
    """Rows whose body is missing or has other octets."""
    connection = apsw.Connection(str(data / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    tables = ("message", "queue_entry", "repository_mail")
    faults = [f"no body: {row}" for table in tables for row in connection.execute(_BODYLESS.format(table))]
    faults += [f"the size of a repository: {row}" for row in connection.execute(_COUNTS)]
    for number, digest, coding, file, octets_ in connection.execute("SELECT id, digest, coding, file, data FROM blob"):
        try:
            body = unpack(coding, octets_) if file is None else (data / "blobs" / file).read_bytes()
        except OSError as error:
            faults.append(f"blob {number}: {error}")
        else:
            if hashlib.sha256(body).digest() != digest:
                faults.append(f"blob {number} has other octets")
    connection.close()
    return faults


def _moments(recorder: Recorder, states: int, dice: random.Random) -> list[int]:
    """Events before which the power goes: at the end of a sync, just after an acknowledgement, anywhere."""
    kinds = {
        "sync": [number for number, event in enumerate(recorder.events) if event[0] in ("sync", "syncdir")],
        "acknowledged": [
            number + 1
            for number, event in enumerate(recorder.events)
            if event[0] == "mark" and event[2] in ("added", "removed")
        ],
        "anywhere": list(range(len(recorder.events) + 1)),
    }
    return sorted(
        dice.choice(kinds[dice.choice(["sync", "sync", "acknowledged", "acknowledged", "anywhere"])])
        for _ in range(states)
    )


def _memory_folder() -> str | None:
    """Where a state is quickly written and looked at, if there is enough of it."""
    try:
        return "/dev/shm" if shutil.disk_usage("/dev/shm").free > MEMORY_BYTES else None
    except OSError:
        return None


def run(states: int, seed: int, folder: Path, *, progress: bool = False) -> Report:
    """The whole experiment."""
    (folder / "recorded").mkdir()
    recorder = record(folder / "recorded", seed)
    dice = random.Random(seed)
    report = Report(states, len(recorder.events))
    report.acknowledged = sum(event[0] == "mark" and event[2] in ("added", "removed") for event in recorder.events)
    disk, expected, done = Disk(folder / "recorded"), dict[str, str](), 0
    place = _memory_folder() or str(folder)
    for count, moment in enumerate(_moments(recorder, states, dice), 1):
        for number in range(done, moment):
            event = recorder.events[number]
            disk.apply(number, event)
            if event[0] == "mark":
                expected[event[1]] = event[2]
        done = moment
        with tempfile.TemporaryDirectory(dir=place) as state:
            luck = disk.materialise(dice, Path(state) / "disk")
            report.luck[luck] += 1
            faults = asyncio.run(examine(Path(state) / "disk" / FOLDER, expected, seed))
        report.faults += [f"power lost at event {moment}, kept {luck}: {fault}" for fault in faults]
        if progress:
            print(f"\rstate {count} of {states}, {len(report.faults)} faults", end="", flush=True)
    if progress:
        print()
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=500)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="compostela-power-") as folder:
        report = run(options.states, options.seed, Path(folder), progress=True)
    print(report)
    for line in report.faults[:50]:
        print(f"  {line}")
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
