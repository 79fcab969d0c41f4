"""Recovery copies of messages in Cassandra: when they are written and removed, and what comes back from them."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.message_copies import MAX_UNDER_WAY, MessageCopies
from compostela.adapters.cassandra.message_garbage import GarbageSettings
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.settings import RecoveryMode
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.recovery_copies import S3RecoveryCopies
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.clock import SystemClock
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.service import MailboxService
from compostela.core.recovery.ports import CopyName, ListedCopy, Recovery, RecoveryCopy
from compostela.core.recovery.tasks import RESTORED, RestoreMessages, RestoreMessagesTask
from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskCancelled, TaskContext
from compostela.model.flags import Flags, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId
from compostela.model.username import Username
from tests.contracts.mailbox_parts import BOB, EVERYTHING, a_mailbox, effect, message, octets_of, path, rows_of, uids
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import collect_all
from tests.distributed.s3.conftest import blob_settings

__all__ = ["blob_settings"]

ANN = Username("ann@example.org")
SMALL, LARGE = b"small\r\n", b"large " * 5000 + b"\r\n"
ALL = RestoreMessages()


class Copies(S3RecoveryCopies):
    """May be away, or slow."""

    def __init__(self, blobs: S3Blobs) -> None:
        super().__init__(blobs)
        self.is_away = False
        self.go = asyncio.Event()
        self.go.set()

    async def write(self, copy: RecoveryCopy) -> None:
        await self.go.wait()
        if self.is_away:
            raise TemporaryFailure("S3 is away")
        await super().write(copy)

    async def all(self) -> list[ListedCopy]:
        return list(await self.list("", None, 1000))


@pytest.fixture
def blobs(blob_settings: BlobSettings, tmp_path: Path) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "spill", SystemClock())


@pytest.fixture
def copies(blobs: S3Blobs) -> Copies:
    return Copies(blobs)


def a_store(
    session: CassandraSession, blobs: S3Blobs, copies: Copies, mode: RecoveryMode = RecoveryMode.SYNCHRONOUS
) -> CassandraMailboxes:
    return CassandraMailboxes(
        session,
        blobs,
        SystemClock(),
        is_over=Entries().is_over,
        garbage=GarbageSettings(defer_seconds=0.0),
        copies=MessageCopies(copies, mode),
    )


@pytest.fixture
async def mailboxes(session: FaultySession, blobs: S3Blobs, copies: Copies) -> AsyncIterator[CassandraMailboxes]:
    store = a_store(session, blobs, copies)
    yield store
    await store.close()


async def lose(session: FaultySession, *tables: str) -> None:
    for table in tables:
        await session.change_schema(f"TRUNCATE {table}")


async def lose_all(session: FaultySession) -> None:
    await lose(session, "message", "mailbox_log", "mailbox_page", "mailbox_tree", "mailbox_kept_log")


class Task:
    def __init__(self, store: CassandraMailboxes, copies: Copies) -> None:
        self.mailboxes = MailboxService(store, SystemClock())
        self._runner = RestoreMessagesTask(Recovery(copies, store.has_content), self.mailboxes.system)
        self.context = TaskContext(uuid.uuid4(), TaskState(None, {}, 0.0), lambda: 0.0, self._save)

    async def _save(self, state: TaskState) -> None:
        pass

    async def run(self, arguments: RestoreMessages = ALL) -> Json:
        await self._runner.run(arguments, self.context)
        return self.context.state.information


async def restored(store: CassandraMailboxes, user: Username) -> list[bytes]:
    mailbox = await store.find(MailboxPath.personal(user, RESTORED))
    if mailbox is None:
        return []
    return sorted([await octets_of(store, mailbox.id, row.uid) for row in await rows_of(store, mailbox.id, EVERYTHING)])


async def contents_of(store: CassandraMailboxes, mailbox: MailboxId) -> list[bytes]:
    return sorted([await octets_of(store, mailbox, row.uid) for row in await rows_of(store, mailbox, EVERYTHING)])


async def test_all_messages_come_back_after_cassandra_has_lost_everything(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    bobs, anns = await a_mailbox(mailboxes), await a_mailbox(mailboxes, user=ANN)
    await mailboxes.append(bobs, [message(SMALL), message(LARGE), message(b"")])
    await mailboxes.append(anns, [message(SMALL)])
    before = {BOB: await contents_of(mailboxes, bobs), ANN: await contents_of(mailboxes, anns)}
    dates = sorted([row.internal_date for row in await rows_of(mailboxes, bobs, EVERYTHING)])
    await lose_all(session)
    after = a_store(session, blobs, copies)
    report = await Task(after, copies).run()
    assert (report["restoredMessageCount"], report["failedMessageCount"]) == (4, 0)
    assert {user: await restored(after, user) for user in (BOB, ANN)} == before
    mailbox = await after.find(MailboxPath.personal(BOB, RESTORED))
    assert mailbox is not None
    assert sorted([row.internal_date for row in await rows_of(after, mailbox.id, EVERYTHING)]) == dates
    # the copies are those of the new messages: nothing is lost any more
    report = await Task(after, copies).run()
    assert (report["presentMessageCount"], report["restoredMessageCount"]) == (4, 0)
    assert {user: await restored(after, user) for user in (BOB, ANN)} == before
    await after.close()


async def test_only_what_is_lost_comes_back(
    session: FaultySession, mailboxes: CassandraMailboxes, copies: Copies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    one, two = await mailboxes.append(mailbox, [message(b"one"), message(b"two")])
    await session.write("DELETE FROM message USING TIMESTAMP 5 WHERE message = ?", bytes.fromhex(one.message_id))
    report = await Task(mailboxes, copies).run()
    assert (report["restoredMessageCount"], report["failedMessageCount"]) == (1, 0)
    (found,) = await restored(mailboxes, BOB)
    assert found.endswith(b"one")
    assert {copy.name.message for copy in await copies.all()} > {two.message_id}


async def test_messages_come_back_into_their_mailboxes_with_their_flags(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    service = MailboxService(mailboxes, SystemClock()).system
    flags = Flags.of(SystemFlag.SEEN, SystemFlag.FLAGGED, keywords=["work"])
    for name in ("INBOX", "Lists.Garden", "Gone"):
        folder = await service.find_or_create(path(name))
        await service.append(folder, message(name.encode()).content, flags, 1_600_000_000)
    await lose_all(session)
    after = a_store(session, blobs, copies)
    folders = {name: await a_mailbox(after, name) for name in ("INBOX", "Lists.Garden")}
    report = await Task(after, copies).run()
    assert (report["restoredMessageCount"], report["withoutMailboxCount"]) == (3, 1)
    rest = await after.find(path(RESTORED))
    assert rest is not None
    for name, mailbox in {**folders, "Gone": rest.id}.items():
        (row,) = await rows_of(after, mailbox)
        assert (row.flags, row.internal_date) == (flags, 1_600_000_000)
        assert (await octets_of(after, mailbox, row.uid)).endswith(name.encode())
    # and the new copies know them too
    assert {(await copies.read(one.name)).path for one in await copies.all()} == {
        path("INBOX"), path("Lists.Garden"), path(RESTORED),
    }  # fmt: skip
    await after.close()


async def test_a_task_that_is_cut_off_restores_nothing_twice(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(b"%d" % number) for number in range(5)])
    await lose_all(session)
    after = a_store(session, blobs, copies)
    # the process dies after the append and before the copy goes
    old = [await copies.read(copy.name) for copy in await copies.all()]
    cut_off = Task(after, copies)
    cut_off.context.cancel()
    with pytest.raises(TaskCancelled):
        await cut_off.run()
    for copy in old:
        await copies.write(copy)
    assert (await Task(after, copies).run())["restoredMessageCount"] == 5
    assert len(await restored(after, BOB)) == 5
    await after.close()


async def test_the_same_octets_come_back_once(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    """As of a delivery that was repeated, whose first content was never shown."""
    mailbox = await a_mailbox(mailboxes)
    for _ in range(2):
        await mailboxes.append(mailbox, [message(SMALL)], effect())
    assert len(await copies.all()) == 2
    await lose_all(session)
    after = a_store(session, blobs, copies)
    await Task(after, copies).run()
    assert len(await restored(after, BOB)) == 1
    await after.close()


async def test_time_and_prefix_choose(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(b"%d" % number) for number in range(20)])
    now = max(copy.written_at for copy in await copies.all())
    ids = [copy.name.message for copy in await copies.all()]
    await lose_all(session)
    after = a_store(session, blobs, copies)
    assert (await Task(after, copies).run(RestoreMessages(restore_after=now + 10)))["restoredMessageCount"] == 0
    of_prefix = sum(one.startswith(ids[0][0]) for one in ids)
    chosen = RestoreMessages(restore_after=now - 60, prefix=ids[0][0], concurrency=2)
    assert (await Task(after, copies).run(chosen))["restoredMessageCount"] == of_prefix
    assert len(await restored(after, BOB)) == of_prefix
    await after.close()


async def test_a_copy_that_cannot_be_read_stops_no_other(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(b"%d" % number) for number in range(3)])
    damaged = (await copies.all())[1].name
    await blobs.bucket.put(f"recovery/{damaged.message}", b"\xc1", 1)
    await lose_all(session)
    after = a_store(session, blobs, copies)
    report = await Task(after, copies).run()
    assert (report["restoredMessageCount"], report["failedMessages"]) == (2, [damaged.message])
    assert damaged in [copy.name for copy in await copies.all()]
    await after.close()


async def test_a_copy_whose_body_is_gone_is_told(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(SMALL), message(LARGE)])
    (large,) = [copy.name for copy in await copies.all() if copy.name.blob is not None]
    assert large.blob is not None
    await blobs.bucket.delete(large.blob)
    await lose_all(session)
    after = a_store(session, blobs, copies)
    report = await Task(after, copies).run()
    assert (report["restoredMessageCount"], report["failedMessages"]) == (1, [large.message])
    await after.close()


async def test_a_message_that_goes_for_good_meanwhile_is_no_failure(
    session: FaultySession, mailboxes: CassandraMailboxes, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message()])
    await mailboxes.remove(mailbox, uids(1))
    has_content = mailboxes.has_content

    async def after_a_collection(id: MessageId) -> bool:
        await collect_all(mailboxes)
        return await has_content(id)

    monkeypatch.setattr(mailboxes, "has_content", after_a_collection)
    report = await Task(mailboxes, copies).run()
    assert (report["restoredMessageCount"], report["failedMessageCount"]) == (0, 0)


async def test_without_its_copy_a_message_does_not_appear(mailboxes: CassandraMailboxes, copies: Copies) -> None:
    mailbox = await a_mailbox(mailboxes)
    copies.is_away = True
    with pytest.raises(TemporaryFailure):
        await mailboxes.append(mailbox, [message()])
    assert (await mailboxes.head(mailbox)).messages == 0
    copies.is_away = False
    await mailboxes.append(mailbox, [message()])
    assert len(await copies.all()) == 1


async def test_an_asynchronous_copy_keeps_no_message_waiting(
    session: FaultySession, blobs: S3Blobs, copies: Copies, caplog: pytest.LogCaptureFixture
) -> None:
    store = a_store(session, blobs, copies, RecoveryMode.ASYNCHRONOUS)
    mailbox = await a_mailbox(store)
    copies.go.clear()
    async with asyncio.timeout(30.0):
        await store.append(mailbox, [message(b"%d" % number) for number in range(MAX_UNDER_WAY + 1)])
    assert await copies.all() == []
    assert "a message has no recovery copy" in caplog.text
    copies.go.set()
    await store.close()
    assert len(await copies.all()) == MAX_UNDER_WAY
    copies.is_away = True
    second = a_store(session, blobs, copies, RecoveryMode.ASYNCHRONOUS)
    await second.append(mailbox, [message()])
    await second.close()
    assert (await second.head(mailbox)).messages == MAX_UNDER_WAY + 2


@pytest.mark.parametrize("mode", RecoveryMode)
async def test_a_copy_goes_with_its_message(
    session: FaultySession, mailboxes: CassandraMailboxes, blobs: S3Blobs, copies: Copies, mode: RecoveryMode
) -> None:
    """Also when copies are not written any more."""
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(SMALL), message(LARGE)])
    later = a_store(session, blobs, copies, mode)
    await later.remove(mailbox, uids(1, 2))
    assert await collect_all(later) == 2
    assert await copies.all() == []
    await later.close()


async def test_a_copy_that_cannot_go_keeps_its_content(
    session: FaultySession, mailboxes: CassandraMailboxes, copies: Copies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it would be taken for lost."""
    mailbox = await a_mailbox(mailboxes)
    (one,) = await mailboxes.append(mailbox, [message()])
    await mailboxes.remove(mailbox, uids(1))

    async def refuse(_: CopyName) -> None:
        raise TemporaryFailure("S3 is away")

    with monkeypatch.context() as patched:
        patched.setattr(copies, "remove", refuse)
        with pytest.raises(TemporaryFailure):
            await collect_all(mailboxes)
    assert await mailboxes.has_content(one.message_id)
    assert await collect_all(mailboxes) == 1
    assert not await mailboxes.has_content(one.message_id)


async def test_no_copies_without_the_setting(session: FaultySession, blobs: S3Blobs, copies: Copies) -> None:
    store = a_store(session, blobs, copies, RecoveryMode.NONE)
    mailbox = await a_mailbox(store)
    await store.append(mailbox, [message(SMALL), message(LARGE)])
    await store.close()
    assert await copies.all() == []


async def test_a_mailbox_that_is_gone_gets_no_copy(mailboxes: CassandraMailboxes, copies: Copies) -> None:
    gone = await a_mailbox(mailboxes, "gone")
    await mailboxes.delete(gone)
    with pytest.raises(NotFound):
        await mailboxes.append(gone, [message()])
    assert await copies.all() == []
