"""What a mail queue keeps to when processes die. A subclass gives the fixtures `queues`, `clock`, `consumer`, which starts a
process of its own that consumes the queue `spool`, and `queues_elsewhere`, whose clock is an hour ahead."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import pytest

from compostela.core.queue.ports import MAX_DEATHS_ALONE, MailQueue, MailQueues, QueueItem
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.contracts.distance import SKEW_SECONDS
from tests.contracts.mail_queue import is_idle, names_of

SECONDS = 30.0


class Consumer(Protocol):
    """Another process that consumes the queue and keeps each mail that it gets in work."""

    async def got(self) -> str:
        """`<name> <attempts> <deaths alone>` of the next mail that it has in work."""
        ...

    async def kill(self) -> None: ...

    async def stop(self) -> None:
        """An orderly stop."""
        ...


StartConsumer = Callable[[], Awaitable[Consumer]]


class QueueDeathsContract:
    ports = (MailQueue, MailQueues, QueueItem)

    @pytest.fixture
    def queue(self, queues: MailQueues) -> MailQueue:
        return queues.queue("spool")

    async def test_only_what_is_in_work_when_its_process_dies_counts_an_attempt(
        self, queue: MailQueue, consumer: StartConsumer
    ) -> None:
        other = await consumer()
        await queue.enqueue(a_mail("killer"))
        assert await other.got() == "killer 0 0"
        await queue.enqueue(a_mail("waits"), delay_seconds=SKEW_SECONDS / 2)
        await other.kill()
        item = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert (item.mail.name, item.attempts, item.deaths_alone) == ("killer", 1, 0)
        await queue.flush()
        waits = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert (waits.mail.name, waits.attempts) == ("waits", 0)
        await item.retry(item.mail)
        again = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert again.attempts == 0, "an entry that was put back in order did no harm"

    async def test_an_orderly_stop_counts_nothing(self, queue: MailQueue, consumer: StartConsumer) -> None:
        other = await consumer()
        await queue.enqueue(a_mail())
        await other.got()
        await other.stop()
        item = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert (item.mail.name, item.attempts) == ("mail1", 0)

    async def test_a_killer_runs_alone_from_its_second_death_on_and_its_neighbours_are_handed_out(
        self, queue: MailQueue, consumer: StartConsumer, patience: float
    ) -> None:
        names = ["killer", "one", "two"]
        for name in names:
            await queue.enqueue(a_mail(name))
        for deaths in range(2):
            other = await consumer()
            got = {await other.got() for _ in names}
            assert got == {f"{name} {deaths} 0" for name in names}
            await other.kill()
        for deaths_alone in range(MAX_DEATHS_ALONE):
            other = await consumer()
            got_alone = await other.got()
            assert got_alone == f"killer {2 + deaths_alone} {deaths_alone}"
            await other.kill()
        killer = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert (killer.mail.name, killer.deaths_alone) == ("killer", MAX_DEATHS_ALONE)
        assert (await asyncio.wait_for(queue.dequeue(), SECONDS)).mail.name == "one"
        assert await is_idle(queue, patience), "a suspect waits until no other is in work"
        assert await queue.size() == 3

    async def test_a_delayed_mail_of_a_dead_process_is_ready_in_time(
        self, queue: MailQueue, queues_elsewhere: MailQueues, consumer: StartConsumer, clock: FakeClock, patience: float
    ) -> None:
        other = await consumer()
        await queue.enqueue(a_mail("first"), delay_seconds=2 * SKEW_SECONDS)
        await queue.enqueue(a_mail("second"), delay_seconds=2 * SKEW_SECONDS)
        await queue.enqueue(a_mail("in work"))
        assert await other.got() == "in work 0 0"
        await other.kill()
        item = await asyncio.wait_for(queue.dequeue(), SECONDS)
        assert item.mail.name == "in work"
        await item.done()
        skewed = queues_elsewhere.queue("spool")
        clock.advance(SKEW_SECONDS / 2)
        assert await is_idle(skewed, patience), "a clock that is ahead releases no earlier than by its skew"
        clock.advance(2 * SKEW_SECONDS)
        ready = [await asyncio.wait_for(queue.dequeue(), SECONDS) for _ in range(2)]
        assert {one.mail.name for one in ready} == {"first", "second"}
        for one in ready:
            await one.done()
        assert await names_of(queue) == []
        assert await is_idle(skewed, patience), "what is done does not come again by another clock"
