"""What a mail queue keeps to while many use it, are cut off, and meet faults. A subclass gives the fixtures `queues`,
`queues_elsewhere`, `clock`, and `faulty` and `eventually` of `tests.contracts.distance`."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.idempotency import Effect
from compostela.core.queue.model import Selection
from compostela.core.queue.ports import MailQueue, MailQueues, QueueItem
from compostela.model.numbers import EffectKey
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail, address
from tests.contracts.distance import Eventually, Faulty
from tests.contracts.mail_queue import LONGEST_BACK_OFF_SECONDS, names_of

COUNT = 2000
SECONDS = 60.0


class QueueInUseContract:
    ports = (MailQueue, MailQueues, QueueItem)
    count = COUNT
    """Entries of the test that fills the queue: fewer for an edition that asks a network for each."""

    @pytest.fixture
    def queue(self, queues: MailQueues) -> MailQueue:
        return queues.queue("spool")

    async def test_each_entry_is_deleted_or_processed_while_consumers_work(
        self, queues: MailQueues, queue: MailQueue, queues_elsewhere: MailQueues
    ) -> None:
        out = queues.queue("out")

        async def consume(one: MailQueue) -> None:
            while True:
                item = await one.dequeue()
                mail = item.mail
                await out.enqueue(a_mail(mail.name), effect=Effect(item.entry, EffectKey("out")))
                await item.done()

        consumers = [asyncio.create_task(consume(queue)) for _ in range(4)]
        senders = ("spam@example.org", "alice@example.org")

        async def fill(first: int) -> None:
            for number in range(first, self.count, 8):
                await queue.enqueue(a_mail(str(number), sender=senders[number % 2]))

        filling = asyncio.gather(*(fill(first) for first in range(8)))
        deleted = 0
        gone: set[str] = set()
        other = queues_elsewhere.queue("spool")
        while not filling.done() or await queue.size():
            listed = await names_of(other)
            assert len(listed) == len(set(listed)), "no entry is listed twice"
            deleted += await other.delete(Selection(sender=address("spam@example.org")))
            # an entry that was in work may have had its effect before the deletion
            gone |= {name for name in listed if int(name) % 2 == 0} - set(await names_of(out))
            await asyncio.sleep(0)
        await filling
        for consumer in consumers:
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
        names = await names_of(out)
        assert len(names) == len(set(names))
        wanted = {str(number) for number in range(1, self.count, 2)}
        assert wanted <= set(names), "what was not deleted is processed"
        assert len(names) + deleted >= self.count, "no entry is neither deleted nor processed"
        assert not gone & set(names), "no entry has an effect after its deletion has returned"
        assert (await queue.size(), await out.size()) == (0, len(names))

    async def test_nothing_that_was_done_before_a_listing_is_listed(
        self, queue: MailQueue, queues_elsewhere: MailQueues, eventually: Eventually
    ) -> None:
        for number in range(50):
            await queue.enqueue(a_mail(str(number)))
        for number in range(25):
            item = await queue.dequeue()
            assert item.mail.name == str(number)
            await item.done()
        expected = [str(number) for number in range(25, 50)]
        assert await names_of(queue) == expected

        async def is_seen() -> bool:
            return await names_of(queues_elsewhere.queue("spool")) == expected

        await eventually(is_seen)

    async def test_whatever_is_cancelled_loses_and_doubles_nothing(self, queue: MailQueue, clock: FakeClock) -> None:
        """Each call is cut off after any number of rounds of the event loop."""
        for rounds in range(12):
            names = [f"{rounds}-{step}" for step in ("enqueue", "dequeue", "retry", "done", "give_back")]
            await asyncio.gather(*(queue.enqueue(a_mail(name)) for name in names[1:]))

            async def cut_off(call: Callable[[], Awaitable[object]], rounds: int = rounds) -> None:
                task = asyncio.ensure_future(call())
                for _ in range(rounds):
                    await asyncio.sleep(0)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    result = await task
                    if hasattr(result, "give_back"):
                        await result.give_back()

            await cut_off(lambda name=names[0]: queue.enqueue(a_mail(name)))  # type: ignore[misc]
            await cut_off(queue.dequeue)
            retried, done, given_back = [await queue.dequeue() for _ in range(3)]
            await cut_off(lambda item=retried: item.retry(item.mail))  # type: ignore[misc]
            await retried.give_back()
            await cut_off(done.done)
            await done.give_back()
            await cut_off(given_back.give_back)
            await given_back.give_back()
            clock.advance(LONGEST_BACK_OFF_SECONDS)
            # a call after those that were cut off: their writes have ended when it has
            await queue.flush()
            listed = await names_of(queue)
            assert await queue.size() == len(listed) == len(set(listed))
            rest = [await asyncio.wait_for(queue.dequeue(), SECONDS) for _ in listed]
            assert sorted(item.mail.name for item in rest) == sorted(listed)
            await asyncio.gather(*(item.done() for item in rest))
            assert await queue.size() == 0

    async def test_a_store_that_comes_back_drains_without_a_restart(
        self, queues: MailQueues, queue: MailQueue, clock: FakeClock, faulty: Faulty
    ) -> None:
        seen: set[str] = set()
        drained = asyncio.Event()

        async def consume() -> None:
            while True:
                item = await queue.dequeue()
                try:
                    await item.done()
                except TemporaryFailure:
                    await item.retry(item.mail)
                    continue
                seen.add(item.mail.name)
                if len(seen) == 20:
                    drained.set()

        for number in range(20):
            await queue.enqueue(a_mail(str(number)))
        consumers = [asyncio.create_task(consume()) for _ in range(3)]
        for fault in (faulty.refuses, faulty.drops_answers):
            with fault():
                for _ in range(200):
                    await asyncio.sleep(0)
        while not drained.is_set():
            clock.advance(LONGEST_BACK_OFF_SECONDS / 10)
            await queue.enqueue(a_mail("tick"))
            await asyncio.sleep(0.01)
            seen.discard("tick")
        for consumer in consumers:
            assert not consumer.done(), "a consumer never dies of the store"
            consumer.cancel()
        await asyncio.gather(*consumers, return_exceptions=True)
