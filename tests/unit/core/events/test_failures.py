"""Listeners that fail, hang or burn the processor: no other listener waits, and nothing is lost silently."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.events import delivery, runner
from compostela.core.events.delivery import MAX_RETRIES, DeliveryOptions
from compostela.core.events.listener import MailboxListener
from compostela.core.events.model import LOG_END, DeadLetter, MailboxChanges, MailboxDeleted, MailboxSnapshot
from compostela.core.health.checks import HealthChecks, HealthStatus
from compostela.core.mailbox.log import LogEntry
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import MailboxId, ModSeq
from compostela.testing.data_folder import open_store
from compostela.testing.listeners import GROUP, Recorder, context_of, following, no_settings, settled
from compostela.testing.waiting import eventually
from tests.contracts.mailbox_parts import a_mailbox, fill, message, uids

IMPATIENT = DeliveryOptions(seconds=0.02, first_pause_seconds=0.0001)


class Failing(Recorder):
    """Fails `times` times for each call, or whenever `poison` is among the UIDs."""

    def __init__(self, store: EmbeddedStore, times: int = 0, poison: frozenset[int] = frozenset()) -> None:
        super().__init__(store)
        self.times = times
        self.poison = poison
        self.calls = 0

    async def changed(self, changes: MailboxChanges) -> None:
        self.calls += 1
        if self.times:
            self.times -= 1
            raise ValueError("not yet")
        if self.poison & {entry.uid for entry in changes.entries}:
            raise ValueError("poison")
        await super().changed(changes)


async def test_what_fails_is_tried_again_as_often_as_james_does(store: EmbeddedStore) -> None:
    listener = Failing(store, times=MAX_RETRIES)
    async with following(store, listener):
        mailbox = await a_mailbox(store.mailboxes)
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await settled(store)
    assert listener.calls == MAX_RETRIES + 1 == 9
    assert [entry.uid for entry in listener.entries[mailbox]] == [1]
    assert await store.dead_letters.count() == 0


async def test_one_failure_more_is_a_dead_letter_and_the_group_goes_on(store: EmbeddedStore) -> None:
    listener = Failing(store, times=MAX_RETRIES + 1)
    async with following(store, listener) as listeners:
        mailbox, since = await a_mailbox(store.mailboxes), 1
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await settled(store)
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await settled(store)
        assert [entry.uid for entry in listener.entries[mailbox]] == [2]
        (name,) = await store.dead_letters.ids(GROUP)
        letter = await store.dead_letters.get(GROUP, name)
        assert letter is not None
        assert (letter.log, letter.until, letter.error) == (mailbox, since + 1, "ValueError: not yet")
        (result, other) = await HealthChecks(listeners.health_checks()).run()
        assert (result.component, result.status) == ("EventDeadLettersHealthCheck", HealthStatus.DEGRADED)
        assert result.cause == f"there are 1 dead letters of {GROUP}"
        assert other.status is HealthStatus.HEALTHY
        assert await listeners.redeliver(letter)
        assert [entry.uid for changes in listener.redelivered for entry in changes.entries] == [1]
        assert await store.dead_letters.count() == 0


async def test_only_what_fails_becomes_a_dead_letter(store: EmbeddedStore) -> None:
    listener = Failing(store, poison=frozenset({3, 4, 7}))
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, listener):
        await settled(store)
    await fill(store.mailboxes, mailbox, *[NO_FLAGS] * 9)
    async with following(store, listener) as listeners:
        await settled(store)
        assert [entry.uid for entry in listener.entries[mailbox]] == [1, 2, 5, 6, 8, 9]
        letters = [await store.dead_letters.get(GROUP, one) for one in await store.dead_letters.ids(GROUP)]
        assert sorted((one.since, one.until) for one in letters if one is not None) == [(3, 5), (7, 8)]
        listener.poison = frozenset({7})
        assert sorted([await listeners.redeliver(one) for one in letters if one is not None]) == [False, True]
        assert [entry.uid for changes in listener.redelivered for entry in changes.entries] == [3, 4]
        assert await store.dead_letters.count() == 1


class Hostile(MailboxListener):
    """Raises whatever it is told."""

    gather_seconds = 0.005

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(no_settings(), context_of(store))
        self.calls = 0

    async def changed(self, changes: MailboxChanges) -> None:
        self.calls += 1
        raise RuntimeError("always")

    async def snapshot(self, snapshot: MailboxSnapshot) -> None:
        raise RuntimeError("always")

    async def deleted(self, deleted: MailboxDeleted) -> None:
        raise RuntimeError("always")


async def test_a_group_that_always_fails_has_one_letter_for_each_log(store: EmbeddedStore) -> None:
    old, recorder = await a_mailbox(store.mailboxes), Recorder(store)
    async with following(store, Hostile(store), recorder):
        await settled(store)
        new = await a_mailbox(store.mailboxes, "new")
        for _ in range(3):
            await fill(store.mailboxes, old, NO_FLAGS, NO_FLAGS)
            await fill(store.mailboxes, new, NO_FLAGS)
            await settled(store)
        await store.mailboxes.delete(new)
        await settled(store, (GROUP, f"{GROUP}1"))
    letters = [await store.dead_letters.get(GROUP, one) for one in await store.dead_letters.ids(GROUP)]
    ranges = {one.log: (one.since, one.until) for one in letters if one is not None}
    assert ranges == {old: (None, 7), new: (0, LOG_END)}
    assert len(recorder.entries[old]) == 6


async def test_a_group_that_fails_does_not_try_each_of_many_changes(store: EmbeddedStore) -> None:
    listener = Hostile(store)
    mailbox = await a_mailbox(store.mailboxes)
    async with following(store, listener):
        await settled(store)
    await fill(store.mailboxes, mailbox, *[NO_FLAGS] * 50)
    async with following(store, listener):
        await settled(store)
    assert listener.calls == MAX_RETRIES + 1 + delivery.MAX_FAILED_PARTS


class Hanging(Recorder):
    """Waits for ever for the mailboxes in `slow`, and cannot be cut off if it is `stubborn`."""

    def __init__(self, store: EmbeddedStore, *, stubborn: bool = False) -> None:
        super().__init__(store)
        self.slow: set[MailboxId] = set()
        self.stubborn = stubborn
        self.free = asyncio.Event()
        self.calls = 0

    async def changed(self, changes: MailboxChanges) -> None:
        if changes.mailbox.id in self.slow:
            self.calls += 1
            while not self.free.is_set():
                try:
                    await self.free.wait()
                except asyncio.CancelledError:
                    if not self.stubborn:
                        raise
        await super().changed(changes)


async def test_a_slow_call_is_cut_off_and_the_other_mailboxes_go_on(store: EmbeddedStore) -> None:
    listener = Hanging(store)
    slow, quick = await a_mailbox(store.mailboxes), await a_mailbox(store.mailboxes, "quick")
    listener.slow = {slow}
    async with following(store, listener, options=IMPATIENT):
        await settled(store)
        await fill(store.mailboxes, slow, NO_FLAGS)
        await fill(store.mailboxes, quick, NO_FLAGS)
        await settled(store)
        letter = await store.dead_letters.get(GROUP, (await store.dead_letters.ids(GROUP))[0])
    assert letter is not None
    assert letter.error == "TimeoutError: the listener did not end within 0.02 s"
    assert listener.calls == MAX_RETRIES + 1
    assert [entry.uid for entry in listener.entries[quick]] == [1]


async def test_a_listener_that_cannot_be_cut_off_holds_up_no_other(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.core.events.threads.CANCEL_SECONDS", 0.02)
    listener, other = Hanging(store, stubborn=True), Recorder(store)
    boxes = [await a_mailbox(store.mailboxes, f"box{number}") for number in range(4)]
    listener.slow = set(boxes)
    async with following(store, listener, other, options=IMPATIENT, max_concurrency=2) as listeners:
        await settled(store, (GROUP, f"{GROUP}1"))
        for box in boxes:
            await fill(store.mailboxes, box, NO_FLAGS)
        await settled(store, (f"{GROUP}1",))
        assert set(other.entries) == set(boxes)

        async def two_letters() -> bool | None:
            return True if await store.dead_letters.count() == 2 else None

        await eventually(two_letters)
        assert listener.calls == 2, "no more than the group may have at once"
        letter = await store.dead_letters.get(GROUP, (await store.dead_letters.ids(GROUP))[0])
        assert letter is not None
        assert not await listeners.redeliver(letter), "it would wait for ever for a call to end"
        (_, hanging) = await HealthChecks(listeners.health_checks()).run()
        assert (hanging.status, hanging.cause) == (HealthStatus.DEGRADED, f"listeners do not end: {GROUP}")
        listener.free.set()
        await settled(store)
        (_, hanging) = await HealthChecks(listeners.health_checks()).run()
        assert hanging.status is HealthStatus.HEALTHY
    assert set(listener.entries) == set(boxes)
    assert await store.dead_letters.count() == 2


async def test_a_redelivery_that_waits_ends_once_all_calls_hang(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.core.events.threads.CANCEL_SECONDS", 0.02)
    listener = Hanging(store, stubborn=True)
    mailbox = await a_mailbox(store.mailboxes)
    listener.slow = {mailbox}
    async with following(store, listener, options=DeliveryOptions(0.3), max_concurrency=1) as listeners:
        await settled(store)
        await fill(store.mailboxes, mailbox, NO_FLAGS)

        async def first_call() -> bool | None:
            return True if listener.calls else None

        await eventually(first_call)
        letter = DeadLetter(str(uuid.uuid4()), GROUP, mailbox, None, ModSeq(0), ModSeq(2), "before", 0.0)
        assert not await listeners.redeliver(letter)
        assert listener.calls == 1
        listener.free.set()
        await settled(store)
        assert await listeners.redeliver(letter)


class Burning(MailboxListener):
    """Keeps a thread busy until it is told to end."""

    gather_seconds = 0.005

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(no_settings(), context_of(store))
        self.started = threading.Event()
        self.end = threading.Event()
        self.told: list[LogEntry] = []

    def changed(self, changes: MailboxChanges) -> None:
        self.started.set()
        while not self.end.is_set():
            sum(range(1000))
        self.told += changes.entries


@contextmanager
def burning(store: EmbeddedStore) -> Iterator[Burning]:
    listener = Burning(store)
    try:
        yield listener
    finally:
        listener.end.set()


async def test_a_synchronous_listener_that_burns_the_processor_holds_up_no_other(store: EmbeddedStore) -> None:
    other = Recorder(store)
    mailbox = await a_mailbox(store.mailboxes)
    with burning(store) as listener:
        async with following(store, listener, other):
            await settled(store, (GROUP, f"{GROUP}1"))
            await fill(store.mailboxes, mailbox, NO_FLAGS)
            await asyncio.to_thread(listener.started.wait)
            await fill(store.mailboxes, mailbox, *[NO_FLAGS] * 20)
            await settled(store, (f"{GROUP}1",))
            assert (len(other.entries[mailbox]), listener.told) == (21, [])
            listener.end.set()
            await settled(store)
        assert [entry.uid for entry in listener.told] == list(range(1, 22))


async def test_a_thread_that_does_not_end_does_not_hold_up_the_stop(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compostela.core.events.threads.CANCEL_SECONDS", 0.02)
    mailbox = await a_mailbox(store.mailboxes)
    with burning(store) as listener:
        async with following(store, listener):
            await settled(store)
            await fill(store.mailboxes, mailbox, NO_FLAGS)
            await asyncio.to_thread(listener.started.wait)
        assert listener.told == []
    pending = await store.cursors.pending(GROUP)
    assert [one.log for one in pending] == [mailbox], "what was cut off is told again"


async def test_logs_in_work_are_bounded(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "MAX_LOGS", 3)
    monkeypatch.setattr(runner, "PENDING_PAGE", 2)
    recorder = Recorder(store)
    boxes = [await a_mailbox(store.mailboxes, f"box{number}") for number in range(12)]
    async with following(store, recorder):
        await settled(store)
        for box in boxes:
            await store.mailboxes.append(box, [message()])
        await settled(store)
    assert set(recorder.entries) == set(boxes)


async def test_a_deletion_that_failed_is_told_again(store: EmbeddedStore) -> None:
    class Forgetful(Recorder):
        fails = True

        async def deleted(self, deleted: MailboxDeleted) -> None:
            if self.fails:
                raise ValueError("no")
            await super().deleted(deleted)

    listener = Forgetful(store)
    async with following(store, listener) as listeners:
        mailbox = await a_mailbox(store.mailboxes)
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await store.mailboxes.remove(mailbox, uids(1))
        await store.mailboxes.delete(mailbox)
        await settled(store)
        await store.collect_garbage()
        letter = await store.dead_letters.get(GROUP, (await store.dead_letters.ids(GROUP))[0])
        assert letter is not None
        assert letter.mailbox is not None
        assert letter.mailbox.path.name == "INBOX"
        assert not await listeners.redeliver(letter)
        listener.fails = False
        assert await listeners.redeliver(letter)
    assert list(listener.deletions) == [letter.mailbox]


async def test_a_store_that_fails_does_not_hold_up_the_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = await open_store(tmp_path, reserve_bytes=0)
    async with following(store, Recorder(store)):
        await a_mailbox(store.mailboxes)
        await settled(store)
        await store.close()
    assert "cursors of a listener group were not saved; its changes are told again" in caplog.messages


class Leaving(Recorder):
    """Ends the process, as it thinks."""

    async def changed(self, changes: MailboxChanges) -> None:
        raise SystemExit(3)


async def test_a_listener_that_exits_does_not_end_the_server(store: EmbeddedStore) -> None:
    async with following(store, Leaving(store), options=IMPATIENT):
        mailbox = await a_mailbox(store.mailboxes)
        await fill(store.mailboxes, mailbox, NO_FLAGS)
        await settled(store)
        (name,) = await store.dead_letters.ids(GROUP)
        letter = await store.dead_letters.get(GROUP, name)
        assert letter is not None
        assert letter.error == "RuntimeError: SystemExit(3)"
