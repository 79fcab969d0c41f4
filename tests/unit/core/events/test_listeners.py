"""What listeners are told, and in which order."""

import asyncio
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.events.listener import MailboxListener
from compostela.core.events.model import MailboxChanges, MailboxSnapshot
from compostela.core.events.threads import wait_for
from compostela.core.mailbox.log import Change, TreeChange
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.uid_set import UidSet
from compostela.testing.data_folder import open_store
from compostela.testing.listeners import GROUP, Recorder, context_of, following, no_settings, settled
from compostela.testing.waiting import eventually
from tests.contracts.mailbox_parts import BOB, CAROL, EVERYTHING, SEEN, a_mailbox, fill, log_of, message, path, uids


async def test_every_change_is_told_in_order(store: EmbeddedStore) -> None:
    mailboxes, recorder = store.mailboxes, Recorder(store)
    async with following(store, recorder):
        boxes = [await a_mailbox(mailboxes, f"box{number}") for number in range(5)]

        async def write(box: MailboxId) -> None:
            for number in range(40):
                (placed,) = await mailboxes.append(box, [message()])
                if number % 3:
                    await mailboxes.store_flags(box, uids(placed.uid), FlagsMode.ADD, SEEN)
                if number % 2:
                    await mailboxes.remove(box, uids(placed.uid))

        await asyncio.gather(*(write(box) for box in boxes))
        await settled(store)
    for box in boxes:
        assert recorder.entries[box] == await log_of(mailboxes, box, ModSeq(0))
    assert recorder.snapshots == {}


async def test_after_an_orderly_stop_nothing_is_told_twice(store: EmbeddedStore) -> None:
    told: list[list[int]] = []
    mailbox: MailboxId | None = None
    for _ in range(3):
        recorder = Recorder(store)
        async with following(store, recorder):
            mailbox = mailbox or await a_mailbox(store.mailboxes)
            await fill(store.mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
            await settled(store)
        assert recorder.snapshots == {}
        told.append([entry.uid for entry in recorder.entries[mailbox]])
    assert told == [[1, 2], [3, 4], [5, 6]]


async def test_a_new_group_gets_snapshots_and_then_changes(store: EmbeddedStore) -> None:
    mailboxes, recorder = store.mailboxes, Recorder(store)
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message()] * 250)
    rows = [row async for batch in mailboxes.rows(mailbox) for row in batch]
    async with following(store, recorder):
        await settled(store)
        assert recorder.snapshots == {mailbox: rows}
        (only,) = recorder.tree_snapshots
        assert (only.user, [one.id for one in only.mailboxes]) == (BOB, [mailbox])
        await fill(mailboxes, mailbox, SEEN)
        await settled(store)
    assert [(entry.uid, entry.change) for entry in recorder.entries[mailbox]] == [(251, Change.ADDED)]


async def test_a_deleted_mailbox_is_told_with_its_messages(store: EmbeddedStore) -> None:
    mailboxes, recorder = store.mailboxes, Recorder(store)
    async with following(store, recorder):
        made = await mailboxes.create(path("Work"))
        await fill(mailboxes, made.id, NO_FLAGS, SEEN)
        rows = [row async for batch in mailboxes.rows(made.id) for row in batch]
        await mailboxes.delete(made.id)
        await settled(store)
    assert [entry.uid for entry in recorder.entries[made.id]] == [1, 2]
    assert recorder.deletions == {made: rows}


async def test_trees_are_told(store: EmbeddedStore) -> None:
    mailboxes, recorder = store.mailboxes, Recorder(store)
    async with following(store, recorder):
        made = await mailboxes.create(path("Work"))
        await mailboxes.subscribe(BOB, "Work")
        await mailboxes.rename([(made.id, path("Play"))])
        await mailboxes.create(path("Work", CAROL))
        await mailboxes.delete(made.id)
        await settled(store)
    assert [entry.change for entry in recorder.trees if entry.path.user == BOB] == [
        TreeChange.CREATED,
        TreeChange.SUBSCRIBED,
        TreeChange.RENAMED,
        TreeChange.DELETED,
    ]
    assert [entry.change for entry in recorder.trees if entry.path.user == CAROL] == [TreeChange.CREATED]


async def test_long_logs_come_in_pages_of_whole_modseqs(store: EmbeddedStore) -> None:
    mailboxes, recorder = store.mailboxes, Recorder(store)
    mailbox = await a_mailbox(mailboxes)
    async with following(store, recorder):
        await settled(store)
    await mailboxes.append(mailbox, [message()] * 2500)
    await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
    async with following(store, recorder):
        await settled(store)
    assert [entry.uid for entry in recorder.entries[mailbox]] == [*range(1, 2501), *range(1, 2501)]


class Synchronous(MailboxListener):
    """Reads rows and content from its thread."""

    needs_content = True
    gather_seconds = 0.005

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(no_settings(), context_of(store))
        self._source = context_of(store).source
        self.rows = 0
        self.bodies: list[bytes] = []

    def snapshot(self, snapshot: MailboxSnapshot) -> None:
        self.rows += sum(map(len, snapshot.rows))

    def changed(self, changes: MailboxChanges) -> None:
        for entry in changes.entries:
            if entry.change is Change.EXPUNGED:
                found = wait_for(self._source.content(entry.message_id))
                assert found is not None
                self.bodies.append(wait_for(found.content.body.read()))


async def test_a_synchronous_listener_reads_from_its_thread(store: EmbeddedStore) -> None:
    listener = Synchronous(store)
    mailbox = await a_mailbox(store.mailboxes)
    await store.mailboxes.append(mailbox, [message()] * 1500)
    async with following(store, listener):
        await settled(store)
        assert listener.rows == 1500
        await store.mailboxes.append(mailbox, [message(b"Now gone.\r\n")])
        await store.mailboxes.remove(mailbox, uids(1501))
        await store.collect_garbage()
        await settled(store)
    assert listener.bodies == [b"Now gone.\r\n"]


async def test_a_group_that_is_no_longer_configured_costs_nothing(store: EmbeddedStore) -> None:
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, Recorder(store)):
        await settled(store)
    await store.mailboxes.remove(mailbox, UidSet([(1, 9)]))
    async with following(store):
        assert await store.cursors.groups() == []
    await fill(store.mailboxes, mailbox, NO_FLAGS)
    assert await store.cursors.pending(GROUP) == []


async def test_another_process_takes_over_at_the_saved_cursors(store: EmbeddedStore, tmp_path: Path) -> None:
    there = await open_store(tmp_path, reserve_bytes=0)
    mailbox = await a_mailbox(store.mailboxes)
    first, second = Recorder(store), Recorder(there)
    async with following(there, second) as others:
        await settled(there)
        async with following(store, first) as ours:
            await fill(store.mailboxes, mailbox, NO_FLAGS)
            await settled(store)
            assert others.is_running(GROUP)
            assert not ours.is_running(GROUP)
            await others.stop()
            await fill(store.mailboxes, mailbox, NO_FLAGS)
            await settled(store)
    await there.close()
    assert [entry.uid for entry in second.entries[mailbox]] == [1]
    assert [entry.uid for entry in first.entries[mailbox]] == [2]


async def test_a_process_that_loses_the_lease_saves_nothing_more(store: EmbeddedStore, tmp_path: Path) -> None:
    there = await open_store(tmp_path, reserve_bytes=0)
    recorder = Recorder(store)
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, recorder) as listeners:
        await settled(store)
        await store.cursors.release(GROUP)
        assert await there.cursors.acquire(GROUP)
        await fill(store.mailboxes, mailbox, NO_FLAGS)

        async def lost() -> bool | None:
            return None if listeners.is_running(GROUP) else True

        await eventually(lost)
        assert [one.log for one in await store.cursors.pending(GROUP)] == [mailbox]
        await there.cursors.release(GROUP)
        await settled(store)
        assert listeners.is_running(GROUP)
    assert {entry.uid for entry in recorder.entries[mailbox]} == {1}
    await there.close()
