"""Workers stay alive until they are stopped, and then finish what they have in hand."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.core.queue.ports import MailQueue, QueueItem, Turn
from compostela.processing import workers
from compostela.processing.workers import QueueWorkers
from compostela.testing.data_folder import open_store
from compostela.testing.mails import a_mail
from tests.contracts.mail_queue import is_idle, names_of


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[MailQueue]:
    store = await open_store(tmp_path)
    yield store.queues.queue("spool")
    await store.close()


class Work:
    """Takes what it is given and goes on when it is told to."""

    def __init__(self) -> None:
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.go = asyncio.Event()

    async def process(self, item: QueueItem) -> None:
        self.begun.put_nowait(item.mail.name)
        await self.go.wait()
        await item.done()


@pytest.mark.parametrize("death", [ValueError("a bug"), asyncio.CancelledError()], ids=["error", "cancel"])
async def test_a_worker_that_dies_is_logged_and_started_again(
    queue: MailQueue, death: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    deaths = [death, death]
    third = asyncio.Event()

    async def turn(waited_seconds: float) -> None:
        if deaths:
            raise deaths.pop()
        third.set()

    work = Work()
    started = QueueWorkers("test", 1, queue, work.process)
    started.start(turn)
    await queue.enqueue(a_mail())
    await asyncio.wait_for(third.wait(), 10)
    work.go.set()
    await asyncio.wait_for(started.stop(), 10)
    died = [record for record in caplog.records if record.message == "a worker died and is started again"]
    assert len(died) == 2


async def test_workers_that_wait_end_at_once(queue: MailQueue, caplog: pytest.LogCaptureFixture) -> None:
    started = QueueWorkers("test", 5, queue, Work().process)
    started.start()
    await asyncio.sleep(0)
    await asyncio.wait_for(started.stop(), 10)
    await queue.enqueue(a_mail())
    assert (await queue.size(), caplog.records) == (1, [])


async def test_a_stop_lets_what_is_in_work_finish_and_takes_nothing_more(queue: MailQueue) -> None:
    work = Work()
    started = QueueWorkers("test", 2, queue, work.process)
    started.start()
    for number in range(3):
        await queue.enqueue(a_mail(str(number)))
    assert {await work.begun.get(), await work.begun.get()} == {"0", "1"}
    stopping = asyncio.create_task(started.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    work.go.set()
    await asyncio.wait_for(stopping, 10)
    assert await names_of(queue) == ["2"]
    assert work.begun.empty()


async def test_a_stop_cuts_off_what_takes_too_long_without_counting_an_attempt(queue: MailQueue) -> None:
    work = Work()
    started = QueueWorkers("test", 1, queue, work.process, drain_seconds=0.01)
    started.start()
    await queue.enqueue(a_mail())
    await work.begun.get()
    await asyncio.wait_for(started.stop(), 10)
    item = await asyncio.wait_for(queue.dequeue(), 10)
    assert (item.mail.name, item.attempts, item.deaths_alone) == ("mail1", 0, 0)
    assert await is_idle(queue)


async def test_the_turn_comes_before_the_work(queue: MailQueue) -> None:
    order: list[str] = []
    done = asyncio.Event()

    async def turn(waited_seconds: float) -> None:
        order.append("turn")

    async def process(item: QueueItem) -> None:
        order.append(item.mail.name)
        await item.done()
        if item.mail.name == "1":
            done.set()

    started = QueueWorkers("test", 1, queue, process)
    asked: Turn = turn
    started.start(asked)
    for number in range(2):
        await queue.enqueue(a_mail(str(number)))
    await asyncio.wait_for(done.wait(), 10)
    await started.stop()
    assert order == ["turn", "0", "turn", "1"]
