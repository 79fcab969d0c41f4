"""What a mail queue keeps to when several processes use it. A subclass gives the fixtures of `tests.contracts.mail_queue`."""

import asyncio

import pytest

from compostela.core.queue.model import Selection
from compostela.core.queue.ports import MailQueue, MailQueues, QueueItem
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.contracts.distance import Eventually, Settled, stays_silent
from tests.contracts.mail_queue import effect, is_idle, names_of


class QueueSharingContract:
    ports = (MailQueue, MailQueues)
    patience: float

    @pytest.fixture(autouse=True)
    def _patience(self, patience: float) -> None:
        self.patience = patience

    async def is_idle(self, queue: MailQueue) -> bool:
        return await is_idle(queue, self.patience)

    @pytest.fixture
    def queue(self, queues: MailQueues) -> MailQueue:
        return queues.queue("spool")

    async def test_another_process_sees_and_rules_what_waits(
        self, queue: MailQueue, queues_elsewhere: MailQueues, eventually: Eventually
    ) -> None:
        other = queues_elsewhere.queue("spool")
        await queue.enqueue(a_mail("one"))
        await queue.enqueue(a_mail("two"), delay_seconds=1e6)

        async def is_counted() -> bool:
            return await other.size() == 2

        await eventually(is_counted)
        assert await names_of(other) == ["one", "two"]
        assert await queues_elsewhere.names() == ["spool"]
        assert await other.delete(Selection(name="one")) == 1
        assert await self.is_idle(queue)
        waiting = asyncio.ensure_future(queue.dequeue())
        assert await other.flush() == 1
        item = await asyncio.wait_for(waiting, 20)
        assert item.mail.name == "two"
        await item.done()
        assert await other.size() == 0

    async def test_what_another_process_deletes_is_not_handed_out(
        self, queue: MailQueue, queues_elsewhere: MailQueues, settled: Settled
    ) -> None:
        await (await self.a_consumed(queue)).done()
        await queue.enqueue(a_mail("fresh"))
        await settled()
        assert await queues_elsewhere.queue("spool").delete() == 1
        assert await self.is_idle(queue)

    async def a_consumed(self, queue: MailQueue) -> QueueItem:
        """An item of a queue that this process consumes from now on."""
        await queue.enqueue(a_mail("first"))
        return await queue.dequeue()

    async def test_exactly_one_of_two_processes_gets_an_entry(
        self, queue: MailQueue, queues_elsewhere: MailQueues, patience: float
    ) -> None:
        other = queues_elsewhere.queue("spool")
        consumers = [asyncio.ensure_future(one.dequeue()) for one in (queue, other)]
        await queue.enqueue(a_mail())
        done, rest = await asyncio.wait(consumers, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        (given,), (waiting,) = done, rest
        assert await stays_silent(waiting, patience)
        await given.result().done()
        assert await stays_silent(waiting, patience)
        waiting.cancel()

    async def test_a_process_without_consumers_hands_over_at_once(
        self, queue: MailQueue, queues_elsewhere: MailQueues
    ) -> None:
        waiting = asyncio.ensure_future(queues_elsewhere.queue("spool").dequeue())
        await queue.enqueue(a_mail())
        item = await asyncio.wait_for(waiting, 20)
        assert (item.mail.name, item.attempts) == ("mail1", 0)
        await item.done()
        assert await queue.size() == 0

    async def test_an_idle_process_helps_a_busy_one(
        self, queue: MailQueue, queues_elsewhere: MailQueues, clock: FakeClock
    ) -> None:
        busy = await self.a_consumed(queue)
        for number in range(10):
            await queue.enqueue(a_mail(str(number)))
        clock.advance(60)
        other = queues_elsewhere.queue("spool")
        helped = [await asyncio.wait_for(other.dequeue(), 20) for _ in range(3)]
        assert {item.mail.name for item in helped} <= {str(number) for number in range(10)}
        assert busy.entry not in {item.entry for item in helped}, "one in work stays where it is"
        for item in helped:
            await item.done()
        await busy.done()
        assert await queue.size() == 7

    async def test_two_processes_that_consume_at_once_get_each_entry_once(
        self, queue: MailQueue, queues_elsewhere: MailQueues, clock: FakeClock
    ) -> None:
        """Both take from each other all the time: the clock goes on by a minute with each entry."""
        seen: list[str] = []
        all_seen = asyncio.Event()

        async def consume(one: MailQueue) -> None:
            while True:
                item = await one.dequeue()
                clock.advance(60)
                await asyncio.sleep(0)
                await item.done()
                seen.append(item.mail.name)
                if len(seen) >= 60:
                    all_seen.set()

        both = (queue, queues_elsewhere.queue("spool"))
        consumers = [asyncio.create_task(consume(one)) for one in both for _ in range(4)]
        for number in range(60):
            await both[number % 3 == 0].enqueue(a_mail(str(number)))
        await asyncio.wait_for(all_seen.wait(), 60)
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        assert sorted(seen, key=int) == [str(number) for number in range(60)]
        assert await queue.size() == 0

    async def test_an_effect_is_seen_everywhere(self, queue: MailQueue, queues_elsewhere: MailQueues) -> None:
        entry = await queue.enqueue(a_mail(), effect=effect())
        assert await queues_elsewhere.queue("spool").enqueue(a_mail(), effect=effect()) == entry
        assert await queue.size() == 1
