"""Every type of task of the server goes on where its process died, at whatever line that was."""

import asyncio
import itertools
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import pytest

from compostela.base.errors import NotFound
from compostela.core.blob.model import MemoryBody
from compostela.core.blob.references import Referrer
from compostela.core.blob.tasks import CollectBlobs
from compostela.core.events.redelivery import RedeliverAll, RedeliverGroup, RedeliverOne
from compostela.core.events.settings import GENERIC_GROUP
from compostela.core.events.usage_tasks import RecomputeUsage
from compostela.core.mailbox.tasks import ClearMailbox
from compostela.core.outbound.tls_report_task import SendTlsReports
from compostela.core.outbound.tls_reports import DAY_SECONDS, TlsResult
from compostela.core.queue.tasks import ClearQueue, DeleteFromQueue
from compostela.core.repository.ports import MailRepository, RepositoryUrl
from compostela.core.repository.tasks import ClearRepository, ReprocessAll, ReprocessOne
from compostela.core.tasks.cleanup import CleanTasks
from compostela.core.tasks.model import Json, NewTask, TaskEnd, TaskState, TaskStatus
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.runner import TaskContext
from compostela.core.users import tasks as users_tasks
from compostela.core.users.tasks import ChangeUsername, DeleteDomainData, DeleteUserData
from compostela.model.domain import Domain
from compostela.model.flags import NO_FLAGS
from compostela.model.username import Username
from compostela.testing.mails import a_mail
from compostela.testing.name_server import name_server, text_record
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually
from tests.contracts.distance import cut_off
from tests.contracts.listeners import a_letter
from tests.contracts.mail_queue import names_of
from tests.contracts.mail_repository import keys_of
from tests.contracts.mailbox_parts import a_mailbox, fill, uids_of
from tests.dialogues.processing import messages

pytestmark = pytest.mark.slow

MOST_CUTS = 60
TLS_REPORTS = {
    f"_smtp._tls.case{number}.example": {"TXT": [text_record(f"v=TLSRPTv1; rua=mailto:{BOB}")]}
    for number in range(MOST_CUTS + 1)
}
USAGE_GROUP = GENERIC_GROUP + "usage"
FILES = {
    "listeners.xml": "<listeners><listener><class>UsageListener</class><group>usage</group></listener></listeners>"
}


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """No client is logged in."""
    monkeypatch.setattr(users_tasks, "SETTLE_SECONDS", 0.0)


class Case(ABC):
    """What one type of task works on. A new one is made for each cut; `mark` tells them apart."""

    def __init__(self, server: Server, mark: str) -> None:
        self.server = server
        self.store, self.embedded = server.store, server.embedded
        self.mark = mark

    @abstractmethod
    async def prepare(self) -> object:
        """Makes what the task works on, and gives its arguments."""

    async def come_later(self) -> None:
        """What is added after the task has begun and died."""
        return

    @abstractmethod
    async def check(self, later: bool) -> None:
        """What there must be after the end. `later`: with what came later, for the task had begun before."""


class QueueCase(Case):
    async def enqueue(self, *names: str) -> None:
        queue = self.store.queues.queue(self.mark)
        for name in names:
            await queue.enqueue(a_mail(name, sender=f"{name[0]}@example.org"))

    async def come_later(self) -> None:
        await self.enqueue("a-later")


class ClearedQueue(QueueCase):
    async def prepare(self) -> object:
        await self.enqueue("a1", "a2", "b1")
        return ClearQueue(self.mark)

    async def check(self, later: bool) -> None:
        assert await names_of(self.store.queues.queue(self.mark)) == ["a-later"] * later


class ChosenFromQueue(QueueCase):
    async def prepare(self) -> object:
        await self.enqueue("a1", "b1", "a2")
        return DeleteFromQueue(self.mark, sender="a@example.org")

    async def check(self, later: bool) -> None:
        assert await names_of(self.store.queues.queue(self.mark)) == ["b1", *["a-later"] * later]


class RepositoryCase(Case):
    @property
    def path(self) -> str:
        return f"var/mail/{self.mark}"

    async def repository(self) -> MailRepository:
        return await self.store.repositories.select(RepositoryUrl.parse(f"file://{self.path}"))

    async def put(self, *names: str) -> None:
        repository = await self.repository()
        for name in names:
            await repository.store(a_mail(name))

    async def left(self) -> list[str]:
        return await keys_of(await self.repository())

    async def come_later(self) -> None:
        await self.put("later")


class ClearedRepository(RepositoryCase):
    async def prepare(self) -> object:
        await self.put("a", "b", "c")
        return ClearRepository(self.path)

    async def check(self, later: bool) -> None:
        assert await self.left() == ["later"] * later


class ReprocessedAll(RepositoryCase):
    async def prepare(self) -> object:
        await self.put("a", "b", "c")
        return ReprocessAll(self.path, queue=self.mark)

    async def check(self, later: bool) -> None:
        assert await self.left() == ["later"] * later
        assert await names_of(self.store.queues.queue(self.mark)) == ["a", "b", "c", *["later"] * (not later)]


class ReprocessedOne(RepositoryCase):
    async def prepare(self) -> object:
        await self.put("a", "b")
        return ReprocessOne(self.path, "b", queue=self.mark)

    async def check(self, later: bool) -> None:
        assert await self.left() == ["a", "later"]
        assert await names_of(self.store.queues.queue(self.mark)) == ["b"]


class ClearedMailbox(Case):
    async def prepare(self) -> object:
        user = Username.parse(f"{self.mark}@example.org")
        self.mailbox = await a_mailbox(self.store.mailboxes, user=user)
        await fill(self.store.mailboxes, self.mailbox, *[NO_FLAGS] * 3)
        return ClearMailbox(str(self.mailbox), user.value, "INBOX")

    async def come_later(self) -> None:
        await fill(self.store.mailboxes, self.mailbox, NO_FLAGS)

    async def check(self, later: bool) -> None:
        assert await uids_of(self.store.mailboxes, self.mailbox) == [4] * later


class UserCase(Case):
    async def furnish(self, user: Username) -> None:
        await self.server.under_test.services.users.add(user, "secret")
        for name in ("INBOX", "Work"):
            await fill(self.store.mailboxes, await a_mailbox(self.store.mailboxes, name, user), NO_FLAGS)

    async def boxes(self, user: Username) -> list[str]:
        return sorted(one.path.name for one in await self.store.mailboxes.of_user(user))


class DeletedUser(UserCase):
    async def prepare(self) -> object:
        self.user = Username.parse(f"{self.mark}@example.org")
        await self.furnish(self.user)
        return DeleteUserData(self.user.value, remove_user=True)

    async def check(self, later: bool) -> None:
        assert not await self.server.under_test.services.users.contains(self.user)
        assert await self.boxes(self.user) == []


class DeletedUsers(UserCase):
    async def prepare(self) -> object:
        domain = Domain(f"{self.mark}.example")
        await self.server.under_test.services.domains.add(domain)
        self.users = [Username.parse(f"{name}@{domain}") for name in ("one", "two")]
        for user in self.users:
            await self.furnish(user)
        return DeleteDomainData(str(domain))

    async def check(self, later: bool) -> None:
        for user in self.users:
            assert await self.server.under_test.services.users.contains(user)
            assert await self.boxes(user) == []


class RenamedUser(UserCase):
    async def prepare(self) -> object:
        self.old, self.new = (Username.parse(f"{self.mark}-{name}@example.org") for name in ("old", "new"))
        await self.furnish(self.old)
        await self.server.under_test.services.users.add(self.new, "secret")
        return ChangeUsername(self.old.value, self.new.value)

    async def check(self, later: bool) -> None:
        assert await self.boxes(self.old) == []
        assert await self.boxes(self.new) == ["INBOX", "Work"]


class CleanedTasks(Case):
    async def prepare(self) -> object:
        self.ids = [uuid.uuid4() for _ in range(3)]
        for task_id in self.ids:
            await self.store.tasks.add(NewTask(task_id, "ended", {}, 1.0, "host"))
            claim = await self.store.tasks.claim({"ended": 1}, host="host", now=1.0, until=2.0)
            assert claim is not None
            await self.store.tasks.end(claim.lease, TaskEnd(TaskStatus.COMPLETED, 1.0, claim.task.state))
        return CleanTasks(before=2.0)

    async def check(self, later: bool) -> None:
        assert [await self.store.tasks.find(task_id) for task_id in self.ids] == [None] * 3


class LetterCase(Case):
    async def prepare(self) -> object:
        user = Username.parse(f"{self.mark}@example.org")
        mailbox = await a_mailbox(self.store.mailboxes, user=user)
        await fill(self.store.mailboxes, mailbox, *[NO_FLAGS] * 3)
        self.group = USAGE_GROUP
        self.letters = [str(uuid.uuid4()) for _ in range(2)]
        for number, name in enumerate(self.letters):
            # apart from each other, or they would be one letter
            letter = a_letter(name, 2 * number, 2 * number + 1, group=self.group, log=mailbox)
            await self.store.dead_letters.add(letter)
        return self.arguments()

    @abstractmethod
    def arguments(self) -> object: ...

    async def check(self, later: bool) -> None:
        assert [await self.store.dead_letters.get(self.group, name) for name in self.letters] == [None] * 2


class RedeliveredAll(LetterCase):
    def arguments(self) -> object:
        return RedeliverAll()


class RedeliveredGroup(LetterCase):
    def arguments(self) -> object:
        return RedeliverGroup(self.group, limit=2)


class RedeliveredOne(LetterCase):
    def arguments(self) -> object:
        return RedeliverOne(self.group, self.letters[0])

    async def check(self, later: bool) -> None:
        assert await self.store.dead_letters.get(self.group, self.letters[0]) is None
        assert await self.store.dead_letters.get(self.group, self.letters[1]) is not None


class CollectedBlobs(Case):
    async def prepare(self) -> object:
        referrer = Referrer("test", self.mark)
        self.left = [
            await self.store.blobs_by_id.save(MemoryBody(f"{self.mark} {number}".encode()), referrer)
            for number in range(3)
        ]
        self.kept = await self.store.blobs_by_id.save(MemoryBody(f"{self.mark} kept".encode()), referrer)
        for blob in self.left:
            await self.store.blobs_by_id.delete(blob, referrer)
        # found by an earlier collection, more than an hour ago
        await self.embedded.collect_garbage()
        await self.embedded._writer.execute("UPDATE blob_suspect SET since = since - 3600")
        return CollectBlobs(deletion_window=1)

    async def check(self, later: bool) -> None:
        for blob in self.left:
            with pytest.raises(NotFound):
                await self.store.blobs_by_id.open(blob)
        await self.store.blobs_by_id.open(self.kept)


class SentTlsReports(Case):
    async def prepare(self) -> object:
        self.day = int(self.server.under_test._clock.now() // DAY_SECONDS) - 2
        self.domain = Domain(f"{self.mark}.example")
        result = TlsResult("no-policy-found", self.domain.name)
        await self.store.outbound.tls_results.add(self.day, self.domain, {result: 3})
        return SendTlsReports()

    async def check(self, later: bool) -> None:
        assert await self.store.outbound.tls_results.domains(self.day) == []
        assert f"Report Domain: {self.domain} Submitter:".encode() in await eventually(self._arrived)

    async def _arrived(self) -> bytes | None:
        """Two copies, if the run was cut off after it sent one."""
        return next((mail for mail in await messages(self.server, BOB) if self.domain.name.encode() in mail), None)


class RecomputedUsage(UserCase):
    async def prepare(self) -> object:
        self.user = Username.parse(f"{self.mark}@example.org")
        await self.furnish(self.user)
        await self.store.usage.recompute(self.user)
        wrong = "UPDATE mailbox_usage SET messages = messages + 5 WHERE user = ?"
        await self.embedded._writer.execute(wrong, (self.user.value,))
        return RecomputeUsage(users_per_second=10_000)

    async def check(self, later: bool) -> None:
        assert (await self.store.usage.of_user(self.user)).messages == 2


CASES: dict[str, type[Case]] = {
    "recompute-current-quotas": RecomputedUsage,
    "send-tls-reports": SentTlsReports,
    "clear-mail-queue": ClearedQueue,
    "delete-mails-from-mail-queue": ChosenFromQueue,
    "clear-mail-repository": ClearedRepository,
    "reprocessing-all": ReprocessedAll,
    "reprocessing-one": ReprocessedOne,
    "ClearMailboxContentTask": ClearedMailbox,
    "DeleteUserDataTask": DeletedUser,
    "DeleteUsersDataOfDomainTask": DeletedUsers,
    "UsernameChangeTask": RenamedUser,
    "tasks-cleanup": CleanedTasks,
    "event-dead-letters-redeliver-all": RedeliveredAll,
    "event-dead-letters-redeliver-group": RedeliveredGroup,
    "event-dead-letters-redeliver-one": RedeliveredOne,
    "BlobGCTask": CollectedBlobs,
}


class Saved:
    """The task as the store has it: what is saved, and with `reports` also what was only reported."""

    def __init__(self, state: TaskState, *, reports: bool) -> None:
        self.state = state
        self.task_id = uuid.uuid4()
        self._reports = reports

    async def _save(self, state: TaskState) -> None:
        await asyncio.sleep(0)
        self.state = state
        await asyncio.sleep(0)

    def context(self, now: Any) -> TaskContext:
        saved = self

        class Context(TaskContext):
            async def report(self, information: Json, progress: Json | None = None) -> None:
                await super().report(information, progress)
                if saved._reports:
                    saved.state = self.state

        return Context(self.task_id, self.state, now, self._save)


async def _cut(server: Server, types: TaskTypes, name: str, cut: int) -> bool:
    """Cuts a task off at its await of this number and runs it again, twice. Returns False if it ended before."""
    case = CASES[name](server, f"case{cut}")
    arguments = await case.prepare()
    runner = types.runner(name)
    saved = Saved(TaskState(None, await runner.describe(arguments), 0.0), reports=cut % 2 == 1)
    now = server.under_test._clock.now
    was_cut = await cut_off(runner.run(arguments, saved.context(now)), cut)
    has_begun = saved.state.progress is not None
    await case.come_later()
    for _ in range(2):
        await runner.run(arguments, saved.context(now))
        if not has_begun and saved.state.progress is None:
            break
    await case.check(has_begun)
    return was_cut


@pytest.mark.parametrize("name", CASES)
async def test_a_task_goes_on_wherever_it_was_cut_off(tmp_path: Path, name: str) -> None:
    async with name_server(TLS_REPORTS) as names, running(tmp_path, files=FILES, dns=names.address) as server:
        types = server.under_test.tasks.types
        for cut in itertools.count():
            if not await _cut(server, types, name, cut) or cut == MOST_CUTS:
                break
        assert cut > 0, "the task was never cut off"


async def test_every_type_has_a_case(tmp_path: Path) -> None:
    async with running(tmp_path, files=FILES) as server:
        types = server.under_test.tasks.types
        assert set(types.at_once({})) == CASES.keys()
        assert all(types.runner(name).is_resumable for name in CASES)
