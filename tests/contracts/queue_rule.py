"""How administrators rule a mail queue: hold, release, flush and delete what they choose. A subclass gives the fixtures of
`tests.contracts.mail_queue`."""

import asyncio

import pytest

from compostela.core.queue.model import Selection
from compostela.core.queue.ports import MailQueue, MailQueues
from compostela.model.domain import Domain
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail, address
from tests.contracts.distance import Settled, stays_silent
from tests.contracts.mail_queue import is_idle, names_of

A, B = Selection(destination=Domain("a.example")), Selection(destination=Domain("b.example"))


async def held_of(queue: MailQueue) -> list[str]:
    return [mail.name async for mail in queue.browse() if mail.is_held]


async def fill(queue: MailQueue, delay_seconds: float = 0.0) -> None:
    """`one` to a.example, `two` to both from x, `three` to b.example."""
    await queue.enqueue(a_mail("one", recipients=("bob@a.example",)), delay_seconds=delay_seconds)
    both = ("bob@b.example", "ann@A.example")
    await queue.enqueue(a_mail("two", sender="x@example.org", recipients=both), delay_seconds=delay_seconds)
    await queue.enqueue(a_mail("three", recipients=("bob@b.example",)), delay_seconds=delay_seconds)


class QueueRuleContract:
    ports = (MailQueue, MailQueues)
    patience: float

    @pytest.fixture(autouse=True)
    def _patience(self, patience: float) -> None:
        self.patience = patience

    @pytest.fixture
    def queue(self, queues: MailQueues) -> MailQueue:
        return queues.queue("spool")

    async def test_what_is_held_waits_until_it_is_released(self, queue: MailQueue, settled: Settled) -> None:
        await fill(queue)
        await settled()
        assert await queue.hold(A) == 2
        assert await queue.hold(A) == 0
        assert await held_of(queue) == ["one", "two"]
        item = await queue.dequeue()
        assert item.mail.name == "three"
        await item.done()
        assert await is_idle(queue, self.patience)
        assert await queue.size() == 2
        assert await queue.release(B) == 1
        item = await asyncio.wait_for(queue.dequeue(), 20)
        assert item.mail.name == "two"
        await item.done()
        assert await queue.release() == 1
        assert await queue.release() == 0
        item = await asyncio.wait_for(queue.dequeue(), 20)
        assert (item.mail.name, item.attempts) == ("one", 0)
        await item.done()
        assert await queue.size() == 0

    @pytest.mark.parametrize(
        ("chosen", "names"),
        [
            (Selection(sender=address("X@example.org")), ["two"]),
            (Selection.parse("X@example.org", None, None, "b.example"), ["two"]),
            (Selection.parse("<>", None, None, None), []),
            (Selection(recipient=address("bob@b.example")), ["two", "three"]),
            (Selection(name="three"), ["three"]),
            (Selection(name="three", destination=Domain("a.example")), []),
            (Selection(), ["one", "two", "three"]),
        ],
    )
    async def test_each_criterion_chooses(self, queue: MailQueue, chosen: Selection, names: list[str]) -> None:
        await fill(queue)
        assert await queue.hold(chosen) == len(names)
        assert sorted(await held_of(queue)) == sorted(names)
        assert await queue.delete(chosen) == len(names)
        assert await held_of(queue) == []
        assert await queue.size() == 3 - len(names)

    async def test_a_held_mail_keeps_the_time_it_waits_for(self, queue: MailQueue, clock: FakeClock) -> None:
        await fill(queue, delay_seconds=600)
        assert await queue.hold(A) == 2
        assert await queue.flush() == 1
        assert (await queue.dequeue()).mail.name == "three"
        assert await queue.release() == 2
        assert await is_idle(queue, self.patience)
        assert await names_of(queue, delayed=True) == ["one", "two"]
        clock.advance(601)
        assert {(await asyncio.wait_for(queue.dequeue(), 20)).mail.name for _ in range(2)} == {"one", "two"}

    async def test_only_what_is_chosen_is_flushed(self, queue: MailQueue) -> None:
        await fill(queue, delay_seconds=600)
        assert await queue.flush(A) == 2
        assert await queue.flush(A) == 0
        assert {(await asyncio.wait_for(queue.dequeue(), 20)).mail.name for _ in range(2)} == {"one", "two"}
        assert await is_idle(queue, self.patience)
        assert await names_of(queue, delayed=True) == ["three"]

    async def test_what_is_in_work_goes_on(self, queue: MailQueue) -> None:
        for name in ("one", "two"):
            await queue.enqueue(a_mail(name))
        items = {item.mail.name: item for item in [await queue.dequeue(), await queue.dequeue()]}
        await queue.hold()
        await items["one"].done()
        again = items["two"].mail.copy("two", items["two"].mail.recipients)
        again.error_message = "450 later"
        await items["two"].retry(again)
        assert [(mail.name, mail.last_error) async for mail in queue.browse()] == [("two", "450 later")]
        await queue.hold()
        assert await is_idle(queue, self.patience)
        assert await queue.release() == 1
        item = await asyncio.wait_for(queue.dequeue(), 20)
        assert item.mail.error_message == "450 later"
        await item.done()
        assert await is_idle(queue, self.patience)

    async def test_another_process_holds_releases_and_flushes(
        self, queue: MailQueue, queues_elsewhere: MailQueues, settled: Settled
    ) -> None:
        other = queues_elsewhere.queue("spool")
        await queue.enqueue(a_mail("first"))
        await (await queue.dequeue()).done()  # this process consumes from now on
        await queue.enqueue(a_mail("ready"))
        await queue.enqueue(a_mail("delayed"), delay_seconds=1e6)
        await settled()
        assert await other.hold(Selection(name="ready")) == 1
        assert await is_idle(queue, self.patience)
        waiting = asyncio.ensure_future(queue.dequeue())
        assert await other.flush(Selection(name="delayed")) == 1
        item = await asyncio.wait_for(waiting, 20)
        assert item.mail.name == "delayed"
        await item.done()
        waiting, elsewhere = asyncio.ensure_future(queue.dequeue()), asyncio.ensure_future(other.dequeue())
        assert await other.release() == 1
        done, rest = await asyncio.wait((waiting, elsewhere), return_when=asyncio.FIRST_COMPLETED, timeout=20)
        (given,), (empty,) = done, rest
        assert given.result().mail.name == "ready"
        assert await stays_silent(empty, self.patience)
        await given.result().done()
        empty.cancel()
        assert await queue.size() == 0
