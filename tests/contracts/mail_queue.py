"""What every mail queue keeps to. A subclass gives the fixtures `queues`, `clock`, `queues_elsewhere`, the
same queues as another process or node has them, `failing_store`, a context in which entries can neither be read nor
written, and `settled`, `eventually` and `patience` of `tests.contracts.distance`. Several processes are in
`tests.contracts.queue_sharing`, what happens when they die in
`tests.contracts.queue_deaths`."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.mail.attributes import DELIVERY_RETRIES
from compostela.core.queue.model import Selection
from compostela.core.queue.ports import MailQueue, MailQueues, QueueItem
from compostela.model.numbers import EffectKey, EntryId
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail, address
from tests.contracts.distance import Settled, stays_silent


def effect(key: str = "key") -> Effect:
    return Effect(EntryId("some-entry"), EffectKey(key))


async def names_of(queue: MailQueue, *, delayed: bool | None = None, limit: int | None = None) -> list[str]:
    return [mail.name async for mail in queue.browse(delayed=delayed, limit=limit)]


async def is_idle(queue: MailQueue, patience: float = 0.0) -> bool:
    """Whether nothing is ready."""
    waiting = asyncio.ensure_future(queue.dequeue())
    is_silent = await stays_silent(waiting, patience)
    if not is_silent:
        await waiting.result().give_back()
    waiting.cancel()
    return is_silent


FailingStore = Callable[[], AbstractContextManager[None]]
LONGEST_BACK_OFF_SECONDS = 3600.0


class MailQueueContract:
    ports = (MailQueue, MailQueues, QueueItem)
    patience: float

    @pytest.fixture(autouse=True)
    def _patience(self, patience: float) -> None:
        self.patience = patience

    async def is_idle(self, queue: MailQueue) -> bool:
        return await is_idle(queue, self.patience)

    @pytest.fixture
    def queue(self, queues: MailQueues) -> MailQueue:
        return queues.queue("spool")

    async def test_gives_the_whole_mail_back(self, queue: MailQueue) -> None:
        mail = a_mail(recipients=("bob@example.org", "Carol@example.net"))
        mail.state = "transport"
        mail.remote_host, mail.remote_address = "client.example.net", "192.0.2.7"
        mail.error_message = "why"
        mail.attributes = {
            "text": "text", "count": 3, "ratio": 0.5, "flag": True, "nothing": None, "bytes": b"\x00\xff",
            "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "long": timedelta(minutes=5), "list": ["a", {"b": 1}],
        }  # fmt: skip
        mail.per_recipient_headers = {address("bob@example.org"): [("X-To", "bob")]}
        await queue.enqueue(mail)
        given = (await queue.dequeue()).mail
        assert (given.name, given.sender, given.recipients) == (mail.name, mail.sender, mail.recipients)
        assert (given.state, given.error_message, given.trace_id) == ("transport", "why", mail.trace_id)
        assert (given.remote_host, given.remote_address) == ("client.example.net", "192.0.2.7")
        assert given.attributes == mail.attributes
        assert given.per_recipient_headers == mail.per_recipient_headers
        assert await given.content.read() == await mail.content.read()

    async def test_gives_a_retried_mail_whole(self, queue: MailQueue) -> None:
        mail = a_mail(sender=None)
        mail.attributes = {"bytes": b"\x00\xff", "long": timedelta(days=1)}
        await queue.enqueue(mail)
        item = await queue.dequeue()
        await item.retry(item.mail)
        given = (await queue.dequeue()).mail
        assert given.sender is None
        assert given.attributes == mail.attributes
        assert await given.content.read() == await mail.content.read()

    async def test_is_not_touched_by_later_changes_of_the_mail(self, queue: MailQueue) -> None:
        mail = a_mail()
        await queue.enqueue(mail)
        mail.state = "ghost"
        mail.recipients.clear()
        mail.attributes["new"] = 1
        given = (await queue.dequeue()).mail
        assert given.state == "root"
        assert given.recipients == [address("bob@example.org")]
        assert given.attributes == {}

    async def test_gives_mails_in_order(self, queue: MailQueue, settled: Settled) -> None:
        for name in ("one", "two", "three"):
            await queue.enqueue(a_mail(name))
        await settled()
        assert [(await queue.dequeue()).mail.name for _ in range(3)] == ["one", "two", "three"]

    async def test_gives_higher_priorities_first(self, queue: MailQueue, settled: Settled) -> None:
        for priority in (0, -9, 9, 5):
            await queue.enqueue(a_mail(str(priority)), priority=priority)
        await settled()
        assert [(await queue.dequeue()).mail.name for _ in range(4)] == ["9", "5", "0", "-9"]

    async def test_retry_keeps_the_priority(self, queue: MailQueue, settled: Settled) -> None:
        await queue.enqueue(a_mail("urgent"), priority=5)
        item = await queue.dequeue()
        await queue.enqueue(a_mail("usual"))
        await item.retry(item.mail)
        await settled()
        assert (await queue.dequeue()).mail.name == "urgent"

    async def test_gives_each_mail_to_one_consumer(self, queue: MailQueue) -> None:
        consumers = [asyncio.ensure_future(queue.dequeue()) for _ in range(3)]
        await asyncio.gather(*(queue.enqueue(a_mail(str(n))) for n in range(3)))
        items = await asyncio.gather(*consumers)
        assert {item.mail.name for item in items} == {"0", "1", "2"}

    async def test_a_cancelled_wait_loses_nothing(self, queue: MailQueue) -> None:
        first, second = (asyncio.ensure_future(queue.dequeue()) for _ in range(2))
        await asyncio.sleep(0)
        enqueuing = asyncio.ensure_future(queue.enqueue(a_mail()))
        first.cancel()
        await enqueuing
        assert (await second).mail.name == "mail1"

    async def test_a_mail_in_work_is_counted_and_listed(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail())
        item = await queue.dequeue()
        assert await queue.size() == 1
        assert await names_of(queue) == ["mail1"]
        assert await self.is_idle(queue)
        await item.done()
        assert await queue.size() == 0
        assert await names_of(queue) == []

    async def test_a_delayed_mail_waits_for_its_time(self, queue: MailQueue, clock: FakeClock) -> None:
        await queue.enqueue(a_mail(), delay_seconds=60)
        assert await queue.size() == 1
        clock.advance(59.9)
        assert await self.is_idle(queue)
        clock.advance(0.2)
        assert (await queue.dequeue()).mail.name == "mail1"

    async def test_a_delayed_mail_wakes_a_consumer_that_waits(self, queue: MailQueue, clock: FakeClock) -> None:
        consumer = asyncio.ensure_future(queue.dequeue())
        await queue.enqueue(a_mail(), delay_seconds=0.01)
        clock.advance(0.02)
        assert (await asyncio.wait_for(consumer, 10)).mail.name == "mail1"

    async def test_delayed_mails_come_in_the_order_of_their_times(
        self, queue: MailQueue, clock: FakeClock, settled: Settled
    ) -> None:
        await queue.enqueue(a_mail("late"), delay_seconds=60)
        await queue.enqueue(a_mail("early"), delay_seconds=30)
        await settled()
        clock.advance(31)
        assert (await queue.dequeue()).mail.name == "early"
        assert await self.is_idle(queue)

    async def test_retry_keeps_entry_and_waits(self, queue: MailQueue, clock: FakeClock) -> None:
        entry = await queue.enqueue(a_mail())
        item = await queue.dequeue()
        assert item.entry == entry
        mail = item.mail
        mail.recipients = [address("carol@example.org")]
        mail.attributes["delivery-retries"] = 1
        await item.retry(mail, 300)
        assert await self.is_idle(queue)
        clock.advance(301)
        again = await queue.dequeue()
        assert again.entry == entry
        assert again.mail.recipients == [address("carol@example.org")]
        assert again.mail.attributes["delivery-retries"] == 1
        assert await queue.size() == 1

    async def test_an_effect_enqueues_once(self, queue: MailQueue) -> None:
        entry = await queue.enqueue(a_mail(), effect=effect())
        assert await queue.enqueue(a_mail(), effect=effect()) == entry
        assert await queue.size() == 1
        await queue.enqueue(a_mail(), effect=effect("other"))
        assert await queue.size() == 2

    async def test_an_effect_stays_seen_when_its_mail_is_gone(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail(), effect=effect())
        await (await queue.dequeue()).done()
        await queue.enqueue(a_mail(), effect=effect())
        assert await queue.size() == 0

    async def test_effects_happen_once_through_retries_and_not_after_done(self, queues: MailQueues) -> None:
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        entry = await spool.enqueue(a_mail())
        item = await spool.dequeue()
        key = Effect(entry, EffectKey("out"))
        await outgoing.enqueue(a_mail("out"), effect=key)
        await item.retry(item.mail)
        item = await spool.dequeue()
        await outgoing.enqueue(a_mail("out"), effect=key)
        assert await outgoing.size() == 1
        await item.done()
        await outgoing.enqueue(a_mail("out"), effect=key)
        assert await outgoing.size() == 1, "after done no effect of the entry changes anything"

    async def test_browse_tells_what_waits(self, queue: MailQueue, clock: FakeClock) -> None:
        await queue.enqueue(a_mail("ready"))
        await queue.enqueue(a_mail("delayed", sender=None), delay_seconds=60)
        ready, delayed = [mail async for mail in queue.browse()]
        assert (ready.name, ready.sender, ready.next_delivery_at) == ("ready", address("alice@example.org"), None)
        assert ready.recipients == (address("bob@example.org"),)
        assert ready.enqueued_at == clock.now()
        assert ready.size == a_mail().size
        assert (delayed.sender, delayed.next_delivery_at) == (None, clock.now() + 60)
        assert await names_of(queue, delayed=True) == ["delayed"]
        assert await names_of(queue, delayed=False) == ["ready"]
        assert await names_of(queue, limit=1) == ["ready"]
        assert await names_of(queue, limit=0) == []

    async def test_browse_tells_of_failed_attempts(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail("one"))
        item = await queue.dequeue()
        again = item.mail.copy("one", item.mail.recipients)
        again.attributes[DELIVERY_RETRIES] = 2
        again.error_message = "450 4.7.1 later"
        (before,) = [mail async for mail in queue.browse()]
        await item.retry(again, 60.0)
        (mail,) = [mail async for mail in queue.browse()]
        assert (before.failures, before.last_error) == (0, None)
        assert (mail.failures, mail.last_error) == (2, "450 4.7.1 later")

    async def test_browse_goes_over_many_batches(self, queue: MailQueue) -> None:
        await asyncio.gather(*(queue.enqueue(a_mail(str(n))) for n in range(450)))
        assert sorted(map(int, await names_of(queue))) == list(range(450))

    async def test_delete_by_criterion(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail("one", sender="x@example.org"))
        await queue.enqueue(a_mail("two", recipients=("y@example.org", "z@example.org")))
        await queue.enqueue(a_mail("three"))
        assert await queue.delete(Selection(sender=address("X@example.org"))) == 1
        assert await queue.delete(Selection(recipient=address("z@example.org"))) == 1
        assert await queue.delete(Selection(name="unknown")) == 0
        assert await names_of(queue) == ["three"]
        assert (await queue.dequeue()).mail.name == "three"
        assert await self.is_idle(queue)

    async def test_delete_leaves_what_came_later(self, queue: MailQueue, clock: FakeClock) -> None:
        for name in ("one", "two"):
            await queue.enqueue(a_mail(name, sender="x@example.org"))
        until = clock.now()
        clock.advance(1)
        await queue.enqueue(a_mail("later", sender="x@example.org"))
        assert await queue.delete(Selection(name="one", enqueued_until=until)) == 1
        assert await queue.delete(Selection(sender=address("x@example.org"), enqueued_until=until)) == 1
        assert await queue.delete(Selection(enqueued_until=until)) == 0
        assert await names_of(queue) == ["later"]
        assert await queue.delete(Selection(enqueued_until=clock.now())) == 1

    async def test_delete_all(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail("one"))
        await queue.enqueue(a_mail("two"), delay_seconds=60)
        assert await queue.delete() == 2
        assert await queue.size() == 0
        assert await self.is_idle(queue)

    async def test_a_mail_deleted_in_work_is_finished(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail("one"))
        await queue.enqueue(a_mail("two"))
        one, two = await queue.dequeue(), await queue.dequeue()
        assert await queue.delete() == 2
        await one.retry(one.mail)
        await two.done()
        assert await queue.size() == 0
        assert await self.is_idle(queue)

    async def test_flush_makes_delayed_mails_ready(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail("one"), delay_seconds=600)
        await queue.enqueue(a_mail("two"), delay_seconds=300)
        await queue.enqueue(a_mail("three"))
        assert await queue.flush() == 2
        assert await names_of(queue, delayed=True) == []
        assert {(await queue.dequeue()).mail.name for _ in range(3)} == {"one", "two", "three"}

    async def test_what_is_given_back_comes_again_as_it_was(self, queue: MailQueue) -> None:
        entry = await queue.enqueue(a_mail())
        item = await queue.dequeue()
        item.mail.attributes["not-stored"] = 1
        await item.give_back()
        await item.give_back()
        again = await queue.dequeue()
        assert (again.entry, again.mail.attributes, again.attempts) == (entry, {}, 0)
        assert await self.is_idle(queue)
        assert await queue.size() == 1

    async def test_a_turn_is_awaited_before_an_entry_is_in_work(self, queue: MailQueue, clock: FakeClock) -> None:
        asked: list[float] = []
        go = asyncio.Event()

        async def turn(waited_seconds: float) -> None:
            asked.append(waited_seconds)
            await go.wait()

        waiting = asyncio.ensure_future(queue.dequeue(turn))
        await queue.enqueue(a_mail())
        assert await stays_silent(waiting, 0.1)
        waiting.cancel()
        clock.advance(5)
        go.set()
        assert (await queue.dequeue(turn)).mail.name == "mail1", "a cancelled turn loses nothing"
        assert asked == [0.0, 5.0]

    async def test_nothing_of_a_process_that_was_believed_dead_happens_after_done(self, queues: MailQueues) -> None:
        spool, outgoing = queues.queue("spool"), queues.queue("outgoing")
        await spool.enqueue(a_mail())
        zombie = await spool.dequeue()
        first, second = (Effect(zombie.entry, EffectKey(key)) for key in ("first", "second"))
        await outgoing.enqueue(a_mail("first"), effect=first)
        await zombie.give_back()
        item = await spool.dequeue()
        for key, name in ((first, "first"), (second, "second")):
            await outgoing.enqueue(a_mail(name), effect=key)
        await item.done()
        third = Effect(zombie.entry, EffectKey("third"))
        for key in (first, second, third):
            await outgoing.enqueue(a_mail("zombie's"), effect=key)
        await zombie.retry(zombie.mail)
        await zombie.done()
        assert await names_of(outgoing) == ["first", "second"]
        assert (await spool.size(), await outgoing.size()) == (0, 2)

    async def test_a_zombie_does_not_put_back_what_another_has(self, queue: MailQueue) -> None:
        await queue.enqueue(a_mail())
        zombie = await queue.dequeue()
        await zombie.give_back()
        item = await queue.dequeue()
        await zombie.retry(zombie.mail)
        assert await self.is_idle(queue)
        await item.done()
        assert await queue.size() == 0

    async def test_effects_asked_for_at_once_enqueue_once(self, queue: MailQueue) -> None:
        entries = await asyncio.gather(*(queue.enqueue(a_mail(), effect=effect()) for _ in range(8)))
        assert (len(set(entries)), await queue.size()) == (1, 1)

    async def test_queues_are_apart(self, queues: MailQueues) -> None:
        await queues.queue("spool").enqueue(a_mail())
        await queues.queue("outgoing").enqueue(a_mail("other"))
        assert await queues.names() == ["outgoing", "spool"]
        assert await queues.queue("spool").size() == 1
        assert (await queues.queue("outgoing").dequeue()).mail.name == "other"
        assert await queues.queue("spool").delete() == 1
        assert await queues.queue("outgoing").size() == 1

    async def test_dequeue_waits_while_the_store_fails(
        self, queue: MailQueue, clock: FakeClock, failing_store: FailingStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        await queue.enqueue(a_mail(), delay_seconds=60)
        with failing_store():
            for _ in range(5):
                clock.advance(LONGEST_BACK_OFF_SECONDS / 10)
                assert await self.is_idle(queue)
        assert len(caplog.records) == 1, "each kind of failure is logged once in a while"
        clock.advance(LONGEST_BACK_OFF_SECONDS)
        assert (await queue.dequeue()).mail.name == "mail1"

    async def test_a_consumer_that_waits_outlives_a_failure_of_the_store(
        self, queue: MailQueue, clock: FakeClock, failing_store: FailingStore
    ) -> None:
        await queue.enqueue(a_mail("old"), delay_seconds=60)
        with failing_store():
            clock.advance(61)
            consumer = asyncio.ensure_future(queue.dequeue())
            await asyncio.sleep(0)
        await queue.enqueue(a_mail("new"))
        assert (await consumer).mail.name in ("new", "old"), (
            "a failure may make an entry late; it never stops a consumer"
        )

    async def test_a_retry_that_fails_gives_the_entry_back(
        self, queue: MailQueue, clock: FakeClock, failing_store: FailingStore
    ) -> None:
        entry = await queue.enqueue(a_mail())
        item = await queue.dequeue()
        item.mail.attributes["not-stored"] = 1
        with failing_store():
            await item.retry(item.mail)
        assert await self.is_idle(queue), "it comes again after a back-off"
        clock.advance(LONGEST_BACK_OFF_SECONDS)
        again = await queue.dequeue()
        assert (again.entry, again.mail.name, again.mail.attributes) == (entry, "mail1", {})
        assert await self.is_idle(queue)
        assert await queue.size() == 1

    async def test_a_mail_that_cannot_be_encoded_is_given_back_by_retry(
        self, queue: MailQueue, clock: FakeClock
    ) -> None:
        await queue.enqueue(a_mail())
        item = await queue.dequeue()
        item.mail.attributes["wrong"] = object()  # type: ignore[assignment]
        await item.retry(item.mail)
        clock.advance(LONGEST_BACK_OFF_SECONDS)
        assert (await queue.dequeue()).mail.attributes == {}

    async def test_what_cannot_be_removed_can_be_retried(
        self, queue: MailQueue, clock: FakeClock, failing_store: FailingStore
    ) -> None:
        entry = await queue.enqueue(a_mail())
        item = await queue.dequeue()
        with failing_store(), pytest.raises(TemporaryFailure):
            await item.done()
        await item.retry(item.mail, 60)
        clock.advance(61)
        again = await queue.dequeue()
        assert again.entry == entry
        await again.done()
        assert await queue.size() == 0
