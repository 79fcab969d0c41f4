"""Long work in the background."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.tasks.manager import MAX_REMEMBERED_TASKS, MAX_WAITING_TASKS, Task, TaskManager, TaskStatus
from tests.contracts.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def manager(clock: FakeClock) -> AsyncIterator[TaskManager]:
    manager = TaskManager(clock)
    working = asyncio.create_task(manager.work())
    yield manager
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def nothing() -> None:
    return


def a_task(run: object = nothing) -> Task:
    return Task("a-task", run, dict)  # type: ignore[arg-type]


async def ended(manager: TaskManager, task: uuid.UUID) -> TaskStatus:
    execution = manager.execution(task)
    await asyncio.wait_for(execution.finished.wait(), 20)
    return execution.status


async def test_tasks_run_one_after_another(manager: TaskManager) -> None:
    order: list[str] = []

    def step(name: str) -> Task:
        async def run() -> None:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")

        return a_task(run)

    tasks = [manager.submit(step(name)) for name in ("a", "b")]
    assert [await ended(manager, task) for task in tasks] == [TaskStatus.COMPLETED] * 2
    assert order == ["a begins", "a ends", "b begins", "b ends"]


async def test_a_task_tells_its_times(manager: TaskManager, clock: FakeClock) -> None:
    async def run() -> None:
        clock.advance(5)

    submitted = clock.now()
    task = manager.submit(a_task(run))
    assert await ended(manager, task) is TaskStatus.COMPLETED
    execution = manager.execution(task)
    assert (execution.submitted_at, execution.started_at, execution.ended_at) == (submitted, submitted, submitted + 5)


async def test_a_failed_task_does_not_stop_the_others(manager: TaskManager) -> None:
    async def fail() -> None:
        raise RuntimeError("no")

    tasks = [manager.submit(a_task(fail)), manager.submit(a_task())]
    assert [await ended(manager, task) for task in tasks] == [TaskStatus.FAILED, TaskStatus.COMPLETED]


async def test_a_running_and_a_waiting_task_are_cancelled(manager: TaskManager) -> None:
    begun = asyncio.Event()

    async def run_for_ever() -> None:
        begun.set()
        await asyncio.Event().wait()

    running, waiting, last = (manager.submit(a_task(one)) for one in (run_for_ever, run_for_ever, nothing))
    await asyncio.wait_for(begun.wait(), 20)
    manager.cancel(waiting)
    manager.cancel(running)
    assert await ended(manager, running) is TaskStatus.CANCELED
    assert await ended(manager, waiting) is TaskStatus.CANCELED
    assert await ended(manager, last) is TaskStatus.COMPLETED
    manager.cancel(last)
    manager.cancel(uuid.uuid4())
    assert manager.execution(last).status is TaskStatus.COMPLETED


async def test_the_newest_comes_first(manager: TaskManager, clock: FakeClock) -> None:
    tasks = []
    for _ in range(3):
        tasks.append(manager.submit(a_task()))
        clock.advance(1)
    assert [execution.id for execution in manager.executions()] == tasks[::-1]
    with pytest.raises(NotFound):
        manager.execution(uuid.uuid4())


async def test_what_waits_and_what_is_remembered_is_bounded(clock: FakeClock) -> None:
    manager = TaskManager(clock)
    for _ in range(MAX_WAITING_TASKS):
        manager.submit(a_task())
    with pytest.raises(TemporaryFailure):
        manager.submit(a_task())
    working = asyncio.create_task(manager.work())
    await ended(manager, manager.executions()[-1].id)
    for _ in range(50):
        await ended(manager, manager.submit(a_task()))
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert len(manager.executions()) <= MAX_REMEMBERED_TASKS
