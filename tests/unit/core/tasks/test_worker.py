"""Tasks run, end, are cancelled, and outlive their process."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import InvalidArgument, NotFound, TemporaryFailure
from compostela.core.tasks.model import MAX_JSON_BYTES, TaskQuery, TaskStatus
from compostela.core.tasks.run import MAX_CRASHES
from compostela.core.tasks.runner import TaskContext
from compostela.core.tasks.worker import WorkerSettings
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.unit.core.tasks.runners import (
    SECONDS,
    Gate,
    Once,
    Parallel,
    Scripted,
    Step,
    Urgent,
    nothing,
    tasks_of,
    until,
    worker_of,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock)
    yield store
    await store.close()


async def test_a_task_tells_its_times_and_places(store: EmbeddedStore, clock: FakeClock) -> None:
    async def run(step: Step, context: TaskContext) -> None:
        clock.advance(5)
        await context.report({"initialCount": 3, "remainingCount": 0})

    tasks = tasks_of(store.tasks, clock, Scripted(run))
    submitted = clock.now()
    task_id = await tasks.submit("scripted", Step(count=3))
    before = await tasks.find(task_id)
    assert (before.status, before.state.information) == (TaskStatus.WAITING, {"initialCount": 3})
    assert await tasks.waiting() == 1
    async with worker_of(tasks, clock):
        task = await tasks.wait(task_id, SECONDS)
    assert (task.status, task.submitted_from, task.executed_on) == (TaskStatus.COMPLETED, "host1", "host2")
    assert (task.submitted_at, task.started_at, task.ended_at) == (submitted, submitted, submitted + 5)
    assert (task.state.information, task.state.information_at) == (
        {"initialCount": 3, "remainingCount": 0},
        submitted + 5,
    )


async def test_a_failed_task_says_why_and_does_not_stop_the_others(store: EmbeddedStore, clock: FakeClock) -> None:
    async def run(step: Step, context: TaskContext) -> None:
        if step.name == "ours":
            raise NotFound("the repository is not there")
        if step.name == "bug":
            raise RuntimeError("secret")

    tasks = tasks_of(store.tasks, clock, Scripted(run))
    made = [await tasks.submit("scripted", Step(name)) for name in ("ours", "bug", "well")]
    async with worker_of(tasks, clock):
        ended = [await tasks.wait(one, SECONDS) for one in made]
    assert [(one.status, one.failure) for one in ended] == [
        (TaskStatus.FAILED, "the repository is not there"),
        (TaskStatus.FAILED, "an unexpected error: see the server's log"),
        (TaskStatus.COMPLETED, None),
    ]


async def test_several_run_at_a_time_within_the_limits_of_their_types(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    one, several = Scripted(gate), Parallel(gate)
    tasks = tasks_of(store.tasks, clock, one, several)
    made = [await tasks.submit(kind, Step()) for kind in ("scripted", "parallel") for _ in range(5)]
    async with worker_of(tasks, clock, WorkerSettings(concurrency=6)):
        await until(_is(gate, 4))
        assert (len(one.begun), len(several.begun)) == (1, 3)
        gate.open.set()
        for task_id in made:
            await tasks.wait(task_id, SECONDS)


def _is(gate: Gate, inside: int):  # type: ignore[no-untyped-def]
    async def check() -> bool:
        return gate.inside == inside

    return check


async def test_an_operators_limits_count_and_so_does_the_process(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Scripted(gate), Parallel(gate))
    for kind in ("scripted", "parallel"):
        for _ in range(4):
            await tasks.submit(kind, Step())
    async with worker_of(tasks, clock, WorkerSettings(concurrency=3, limits={"scripted": 2, "parallel": 0})):
        await until(_is(gate, 2))
    assert await tasks.waiting() == 8, "what ran was given back"
    async with worker_of(tasks, clock, WorkerSettings(concurrency=3)):
        await until(_is(gate, 3))
        gate.open.set()


async def test_the_urgent_one_comes_first(store: EmbeddedStore, clock: FakeClock) -> None:
    order: list[str] = []
    tasks = tasks_of(store.tasks, clock, Scripted(nothing, order), Urgent(nothing, order))
    made = [await tasks.submit(kind, Step(kind)) for kind in ("scripted", "urgent")]
    async with worker_of(tasks, clock, WorkerSettings(concurrency=1)):
        for task_id in made:
            await tasks.wait(task_id, SECONDS)
    assert order == ["urgent", "scripted"]


async def test_a_running_and_a_waiting_task_are_cancelled(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Scripted(gate))
    running, waiting = [await tasks.submit("scripted", Step()) for _ in range(2)]
    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
        await tasks.cancel(waiting)
        await tasks.cancel(running)
        ended = [await tasks.wait(one, SECONDS) for one in (running, waiting)]
    assert [(one.status, one.cancelled_from) for one in ended] == [(TaskStatus.CANCELED, "host1")] * 2
    await tasks.cancel(running)
    await tasks.cancel(uuid.uuid4())


async def test_a_run_that_never_reports_is_cut_off_when_it_is_cancelled(store: EmbeddedStore, clock: FakeClock) -> None:
    begun = asyncio.Event()

    async def deaf(step: Step, context: TaskContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    tasks = tasks_of(store.tasks, clock, Scripted(deaf))
    task_id = await tasks.submit("scripted", Step())
    async with worker_of(tasks, clock):
        await asyncio.wait_for(begun.wait(), SECONDS)
        await tasks.cancel(task_id)
        with pytest.raises(TimeoutError):
            await tasks.wait(task_id, 0.1)
        assert (await tasks.find(task_id)).status is TaskStatus.CANCEL_REQUESTED
        clock.advance(10)
        assert (await tasks.wait(task_id, SECONDS)).status is TaskStatus.CANCELED


async def test_a_stopped_process_gives_its_tasks_back_with_their_progress(
    store: EmbeddedStore, clock: FakeClock
) -> None:
    gate, seen = Gate(), []

    async def run(step: Step, context: TaskContext) -> None:
        seen.append(context.progress)
        await gate(step, context)

    tasks = tasks_of(store.tasks, clock, Scripted(run))
    task_id = await tasks.submit("scripted", Step())
    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
        await asyncio.sleep(0.02)
    task = await tasks.find(task_id)
    assert (task.status, task.state.progress, task.crashes) == (TaskStatus.WAITING, {"at": 5}, 0)
    gate.open.set()
    async with worker_of(tasks, clock):
        assert (await tasks.wait(task_id, SECONDS)).status is TaskStatus.COMPLETED
    assert seen == [None, {"at": 5}]


async def test_reports_are_saved_within_a_second_and_leases_prolonged(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Scripted(gate))
    task_id = await tasks.submit("scripted", Step())

    async def has_told() -> bool:
        return (await tasks.find(task_id)).state.information == {"initialCount": 10, "remainingCount": 5}

    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
        clock.advance(1.5)
        await until(has_told)
        for _ in range(5):
            clock.advance(15)
            await asyncio.sleep(0.05)
        async with worker_of(tasks, clock):
            await asyncio.sleep(0.05)
            assert gate.inside == 1, "nobody else took it"
        gate.open.set()
        assert (await tasks.wait(task_id, SECONDS)).crashes == 0


async def _crash(store: EmbeddedStore, clock: FakeClock, kinds: dict[str, int]) -> None:
    """A process claims a task and says no more."""
    assert await store.tasks.claim(kinds, host="host3", now=clock.now(), until=clock.now() + 20) is not None
    clock.advance(21)


async def test_a_task_that_kills_its_process_fails_in_the_end(store: EmbeddedStore, clock: FakeClock) -> None:
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    task_id = await tasks.submit("scripted", Step())
    for _ in range(MAX_CRASHES):
        await _crash(store, clock, {"scripted": 1})
    async with worker_of(tasks, clock):
        task = await tasks.wait(task_id, SECONDS)
    assert task.status is TaskStatus.FAILED
    assert task.failure == "the process that ran it ended 3 times without progress: see its log"


async def test_a_task_that_must_not_be_repeated_fails_after_a_crash(store: EmbeddedStore, clock: FakeClock) -> None:
    runner = Once(nothing)
    tasks = tasks_of(store.tasks, clock, runner)
    task_id = await tasks.submit("once", Step())
    await _crash(store, clock, {"once": 1})
    async with worker_of(tasks, clock):
        task = await tasks.wait(task_id, SECONDS)
    assert (task.status, runner.begun) == (TaskStatus.FAILED, [])
    assert task.failure is not None


async def test_and_when_its_process_is_stopped(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Once(gate))
    task_id = await tasks.submit("once", Step())
    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
    assert (await tasks.find(task_id)).status is TaskStatus.FAILED


async def test_a_run_that_lost_its_task_ends_without_a_word(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Scripted(gate))
    task_id = await tasks.submit("scripted", Step())
    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
        # as if this process had been frozen for longer than its lease
        claim = await store.tasks.claim({"scripted": 1}, host="host3", now=clock.now() + 100, until=clock.now() + 200)
        assert claim is not None
        await until(_is(gate, 0))
    task = await tasks.find(task_id)
    assert (task.status, task.executed_on, task.lease) == (TaskStatus.IN_PROGRESS, "host3", claim.lease)


async def test_a_store_that_fails_for_a_while_costs_no_task(store: EmbeddedStore, clock: FakeClock) -> None:
    gate = Gate()
    tasks = tasks_of(store.tasks, clock, Scripted(gate))
    task_id = await tasks.submit("scripted", Step())
    end, save, failures = store.tasks.end, store.tasks.save, []

    async def fail(*_: object, **__: object) -> None:
        failures.append(1)
        if len(failures) == 2:
            store.tasks.end, store.tasks.save = end, save  # type: ignore[method-assign]
        raise TemporaryFailure("no")

    async with worker_of(tasks, clock):
        await asyncio.wait_for(gate.entered.wait(), SECONDS)
        store.tasks.end = store.tasks.save = fail  # type: ignore[method-assign, assignment]
        gate.open.set()
        assert (await tasks.wait(task_id, SECONDS)).status is TaskStatus.COMPLETED
    assert len(failures) == 2


async def test_old_tasks_are_removed(store: EmbeddedStore, clock: FakeClock) -> None:
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    async with worker_of(tasks, clock):
        await tasks.wait(await tasks.submit("scripted", Step()), SECONDS)
    clock.advance(30 * 86400 + 1)

    async def is_empty() -> bool:
        return not await tasks.page(TaskQuery(), offset=0, limit=10)

    async with worker_of(tasks, clock):
        await until(is_empty)


async def test_what_is_submitted_is_checked(store: EmbeddedStore, clock: FakeClock) -> None:
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    with pytest.raises(InvalidArgument, match="there is no task of type 'unknown'; there are scripted"):
        await tasks.submit("unknown", Step())
    with pytest.raises(InvalidArgument):
        await tasks.submit("scripted", {"name": "a"})
    with pytest.raises(InvalidArgument, match="more than the"):
        await tasks.submit("scripted", Step("x" * MAX_JSON_BYTES))
    with pytest.raises(NotFound):
        await tasks.find(uuid.uuid4())
    known = uuid.uuid4()
    assert {await tasks.submit("scripted", Step(), known) for _ in range(2)} == {known}
    assert await tasks.waiting() == 1


async def test_a_report_that_is_too_large_fails_the_task(store: EmbeddedStore, clock: FakeClock) -> None:
    async def run(step: Step, context: TaskContext) -> None:
        await context.save({}, {"x": "x" * MAX_JSON_BYTES})

    tasks = tasks_of(store.tasks, clock, Scripted(run))
    task_id = await tasks.submit("scripted", Step())
    async with worker_of(tasks, clock):
        task = await tasks.wait(task_id, SECONDS)
    assert (task.status, task.state.progress) == (TaskStatus.FAILED, None)


async def test_a_task_that_exits_does_not_end_the_server(store: EmbeddedStore, clock: FakeClock) -> None:
    async def run(step: Step, context: TaskContext) -> None:
        raise SystemExit(step.count)

    tasks = tasks_of(store.tasks, clock, Scripted(run))
    async with worker_of(tasks, clock):
        task = await tasks.wait(await tasks.submit("scripted", Step(count=3)), SECONDS)
        assert task.status is TaskStatus.FAILED
