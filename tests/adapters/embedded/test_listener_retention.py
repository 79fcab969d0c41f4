"""What is kept for slow listener groups, for how long, and what it costs to find their news."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.listener_cursors import _PENDING
from compostela.adapters.embedded.listener_holds import HELD_BYTES, HELD_SECONDS, release
from compostela.adapters.embedded.mailbox_removal import purge_deleted
from compostela.adapters.embedded.mailbox_retention import ENTRY_BYTES, KEPT_SECONDS, trim_logs
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.writer import Writer
from compostela.core.events.model import Group
from compostela.core.health.checks import HealthChecks, HealthStatus
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import ModSeq
from compostela.testing.clock import START, FakeClock
from compostela.testing.data_folder import open_store
from compostela.testing.listeners import GROUP, Recorder, following, settled
from tests import databases
from tests.contracts.listeners import pass_all
from tests.contracts.mailbox_parts import a_mailbox, fill, message, uids

DAY = 86400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock, reserve_bytes=0)
    yield store
    await store.close()


async def collect(
    folder: Path, now: float, changes: int = 0, log_bytes: int = HELD_BYTES, content_bytes: int = HELD_BYTES
) -> None:
    """What the collection does, at a time of one's own, with logs that keep few changes."""
    writer = Writer(folder / DATABASE_NAME, Reserve(folder / "reserve", 0), lambda _: None)
    reader = Reader(folder / DATABASE_NAME)
    await release(writer, reader, now, size_bytes=content_bytes)
    await purge_deleted(writer)
    await trim_logs(writer, reader, now, changes, held_bytes=log_bytes)
    await writer.close()
    reader.close()


async def test_a_group_that_is_down_for_a_day_misses_nothing(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    recorder = Recorder(store)
    mailbox, doomed = await a_mailbox(store.mailboxes), await a_mailbox(store.mailboxes, "doomed")
    async with following(store, recorder):
        await settled(store)
    for _ in range(24):
        clock.advance(DAY / 24)
        await store.mailboxes.append(mailbox, [message()] * 3)
        await store.mailboxes.append(doomed, [message()])
        await collect(tmp_path, clock.time)
    await store.mailboxes.remove(mailbox, uids(1, 2))
    made = await store.event_source.read(doomed, None)
    assert made is not None
    await store.mailboxes.delete(doomed)
    clock.advance(1)
    await collect(tmp_path, clock.time)
    async with following(store, recorder):
        await settled(store)
    assert [entry.uid for entry in recorder.entries[mailbox]] == [*range(1, 73), 1, 2]
    assert len(recorder.entries[doomed]) == 24
    assert len(recorder.deletions[made.mailbox]) == 24
    assert await store.dead_letters.count() == 0


async def test_a_log_waits_for_the_slowest_group_but_not_for_ever(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    recorder = Recorder(store)
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, recorder):
        await settled(store)
    since = (await store.mailboxes.head(mailbox)).highest_modseq
    await fill(store.mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
    await collect(tmp_path, START + KEPT_SECONDS + 6 * DAY)
    assert len((await store.mailboxes.log(mailbox, since)).entries) == 2
    await collect(tmp_path, START + KEPT_SECONDS + 8 * DAY)
    assert not (await store.mailboxes.log(mailbox, since)).complete

    async with following(store, recorder) as listeners:
        await settled(store)
        assert recorder.entries == {}
        assert [row.uid for row in recorder.snapshots[mailbox]] == [1, 2], "a snapshot instead"
        (name,) = await store.dead_letters.ids(GROUP)
        letter = await store.dead_letters.get(GROUP, name)
        assert letter is not None
        assert (letter.log, letter.since, letter.until) == (mailbox, since, since + 2)
        assert letter.error.startswith("the log no longer holds these changes")
        (health, _) = await HealthChecks(listeners.health_checks()).run()
        assert health.status is HealthStatus.DEGRADED
        recorder.snapshots.clear()
        assert await listeners.redeliver(letter)
        assert [row.uid for row in recorder.snapshots[mailbox]] == [1, 2]


async def test_a_log_that_the_groups_have_passed_is_kept_no_longer(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, Recorder(store)):
        await settled(store)
        await fill(store.mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        await settled(store)
    await collect(tmp_path, START + KEPT_SECONDS + 60)
    assert not (await store.mailboxes.log(mailbox, ModSeq(1))).complete


async def test_a_deleted_mailbox_is_held_for_a_week_and_its_end_still_told(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    recorder = Recorder(store)
    async with following(store, recorder):
        mailbox = await a_mailbox(store.mailboxes)
        await settled(store)
    (placed,) = await fill(store.mailboxes, mailbox, NO_FLAGS)
    made = await store.event_source.read(mailbox, None)
    assert made is not None
    await store.mailboxes.delete(mailbox)
    await collect(tmp_path, START + HELD_SECONDS - 60)
    assert await store.event_source.content(placed.message_id) is not None
    await collect(tmp_path, START + HELD_SECONDS + 60)
    assert await store.event_source.content(placed.message_id) is None
    async with following(store, recorder):
        await settled(store)
    assert recorder.entries == {}
    assert recorder.deletions == {made.mailbox: []}
    assert await store.dead_letters.count() == 1
    await collect(tmp_path, START + HELD_SECONDS + 60)
    assert await store.event_source.read(mailbox, None) is None


async def test_content_is_held_for_a_week(tmp_path: Path, store: EmbeddedStore, clock: FakeClock) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    await store.cursors.register(Group(GROUP, needs_content=True))
    await pass_all(store.cursors, GROUP)
    (placed,) = await fill(store.mailboxes, mailbox, NO_FLAGS)
    await store.mailboxes.remove(mailbox, uids(1))
    await collect(tmp_path, START + HELD_SECONDS - 60, changes=1000)
    assert await store.event_source.content(placed.message_id) is not None
    await collect(tmp_path, START + HELD_SECONDS + 60, changes=1000)
    assert await store.event_source.content(placed.message_id) is None


async def test_the_longest_logs_go_when_they_take_more_than_the_limit(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    long, short = await a_mailbox(store.mailboxes, "long"), await a_mailbox(store.mailboxes, "short")
    await store.cursors.register(Group(GROUP))
    await pass_all(store.cursors, GROUP)
    since = ModSeq(1)
    await fill(store.mailboxes, long, *[NO_FLAGS] * 5)
    await fill(store.mailboxes, short, *[NO_FLAGS] * 2)
    now = START + KEPT_SECONDS + DAY
    await collect(tmp_path, now, log_bytes=7 * ENTRY_BYTES)
    assert len((await store.mailboxes.log(long, since)).entries) == 5
    await collect(tmp_path, now, log_bytes=6 * ENTRY_BYTES)
    assert not (await store.mailboxes.log(long, since)).complete
    assert len((await store.mailboxes.log(short, since)).entries) == 2
    await collect(tmp_path, START + DAY, log_bytes=0)
    assert len((await store.mailboxes.log(short, since)).entries) == 2, "clients may still ask for it"


async def test_the_oldest_content_goes_when_it_takes_more_than_the_limit(
    tmp_path: Path, store: EmbeddedStore, clock: FakeClock
) -> None:
    source, mailbox = store.event_source, await a_mailbox(store.mailboxes)
    doomed, copies = await a_mailbox(store.mailboxes, "doomed"), await a_mailbox(store.mailboxes, "copies")
    await store.cursors.register(Group(GROUP, needs_content=True))
    await pass_all(store.cursors, GROUP)
    placed = await store.mailboxes.append(mailbox, [message(b"%d" % n * 1000 + b"\r\n") for n in range(3)])
    (inside,) = await store.mailboxes.append(doomed, [message(b"d" * 1000 + b"\r\n")])
    await store.mailboxes.copy(mailbox, uids(1), copies)
    ids = [one.message_id for one in placed]
    await store.mailboxes.remove(mailbox, uids(1))
    await store.mailboxes.remove(mailbox, uids(2))
    clock.advance(2 * 3600)
    await store.mailboxes.delete(doomed)
    clock.advance(2 * 3600)
    await store.mailboxes.remove(mailbox, uids(3))

    async def kept(content_bytes: int) -> list[bool]:
        await collect(tmp_path, clock.time, changes=1000, content_bytes=content_bytes)
        return [await source.content(one) is not None for one in (*ids, inside.message_id)]

    assert await kept(3500) == [True, True, True, True], "a copy counts nothing: its message is in a mailbox"
    assert await kept(2500) == [True, False, True, True]
    assert await kept(1500) == [True, False, True, False]
    assert await kept(500) == [True, False, False, False]


@contextlib.contextmanager
def raw(folder: Path) -> Iterator[apsw.Connection]:
    connection = databases.opened(folder)
    try:
        yield connection
    finally:
        connection.close()


async def test_without_a_group_nothing_is_noted(tmp_path: Path, store: EmbeddedStore) -> None:
    triggers = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"
    with raw(tmp_path) as connection:
        assert connection.execute(triggers).get == 0
        await store.cursors.register(Group(GROUP))
        assert connection.execute(triggers).get > 0
        await store.cursors.remove(GROUP)
        assert connection.execute(triggers).get == 0


@pytest.mark.slow
async def test_finding_news_costs_the_same_however_many_mailboxes_there_are(
    tmp_path: Path, store: EmbeddedStore
) -> None:
    mailboxes: MailboxStore = store.mailboxes
    await store.cursors.register(Group(GROUP))
    boxes = [await a_mailbox(mailboxes, f"box{number}") for number in range(10)]
    steps = []
    for count in (100, 100_000):
        with raw(tmp_path) as connection:
            rows = ((f"u{count}", f"b{number}") for number in range(count))
            with connection:
                connection.executemany(
                    "INSERT INTO mailbox (user, namespace, name, uid_validity) VALUES (?, 'private', ?, 1)", rows
                )
        await pass_all(store.cursors, GROUP)
        for box in boxes:
            await fill(mailboxes, box, NO_FLAGS)
        assert {one.log for one in await store.cursors.pending(GROUP)} == set(boxes)
        steps.append(vm_steps(tmp_path))
    few, many = steps
    assert many == few, "steps of SQLite's machine"
    assert many < 1000


def vm_steps(folder: Path) -> int:
    """Steps of SQLite's virtual machine for one look at what is pending."""
    found: list[int] = []

    def profile(event: dict[str, object]) -> None:
        status = event["stmt_status"]
        assert isinstance(status, dict)
        found.append(status["SQLITE_STMTSTATUS_VM_STEP"])

    with raw(folder) as connection:
        connection.trace_v2(apsw.SQLITE_TRACE_PROFILE, profile)
        assert len(connection.execute(_PENDING, (GROUP, 0, 100)).fetchall()) == 10
        connection.trace_v2(0)
    return found[-1]
