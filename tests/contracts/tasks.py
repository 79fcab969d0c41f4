"""What every task store keeps to. A subclass gives the fixtures `tasks` and `tasks_elsewhere`, the same as another process or node
has them."""

import asyncio
import uuid
from dataclasses import replace

import pytest

from compostela.core.tasks.model import Claim, NewTask, TaskEnd, TaskQuery, TaskRecord, TaskState, TaskStatus
from compostela.core.tasks.ports import MAX_OPEN_TASKS, LeaseLost, TaskStore, TooManyTasks
from compostela.testing.clock import START

KIND, OTHER = "clear-mail-queue", "reprocessing-all"
AT_ONCE = {KIND: 1, OTHER: 2}
LEASE = 20.0


def a_task(kind: str = KIND, *, priority: int = 0, at: float = START) -> NewTask:
    arguments = {"queue": "spool", "limit": None, "keys": ["a", "é"]}
    return NewTask(uuid.uuid4(), kind, arguments, at, "host1", priority, {"initialCount": 3})


def state(progress: dict[str, object] | None = None, count: int = 0) -> TaskState:
    return TaskState(progress, {"remainingCount": count}, START + 5)


async def claimed(tasks: TaskStore, now: float = START, until: float | None = None) -> Claim | None:
    return await tasks.claim(AT_ONCE, host="host2", now=now, until=now + LEASE if until is None else until)


async def running(tasks: TaskStore, now: float = START) -> Claim:
    claim = await claimed(tasks, now)
    assert claim is not None
    return claim


async def found(tasks: TaskStore, task_id: uuid.UUID) -> TaskRecord:
    record = await tasks.find(task_id)
    assert record is not None
    return record


async def ended(tasks: TaskStore, status: TaskStatus, at: float, task: NewTask) -> None:
    await tasks.add(task)
    claim = await running(tasks)
    await tasks.end(claim.lease, TaskEnd(status, at, state()))


class TaskStoreContract:
    ports = (TaskStore,)

    async def test_a_task_is_seen_everywhere_as_it_was_submitted(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore
    ) -> None:
        task = a_task(priority=3)
        assert await tasks.find(task.id) is None
        assert await tasks.add(task)
        assert await tasks.find(task.id) == await tasks_elsewhere.find(task.id)
        record = await found(tasks, task.id)
        assert (record.type, record.arguments, record.priority) == (task.type, task.arguments, 3)
        assert (record.status, record.submitted_at, record.submitted_from) == (TaskStatus.WAITING, START, "host1")
        assert record.state == TaskState(None, {"initialCount": 3}, START)
        assert (record.started_at, record.executed_on, record.ended_at, record.cancelled_from) == (None,) * 4
        assert await tasks_elsewhere.waiting() == 1

    async def test_adding_a_task_again_changes_nothing(self, tasks: TaskStore) -> None:
        task = a_task()
        assert await tasks.add(task)
        claim = await running(tasks)
        assert not await tasks.add(replace(task, type=OTHER))
        assert await tasks.find(task.id) == claim.task

    async def test_only_so_many_are_open(self, tasks: TaskStore) -> None:
        made = [a_task(OTHER) for _ in range(MAX_OPEN_TASKS)]
        await asyncio.gather(*(tasks.add(one) for one in made))
        with pytest.raises(TooManyTasks):
            await tasks.add(a_task())
        await tasks.request_cancel(made[0].id, host="host1", at=START)
        assert await tasks.add(a_task())

    async def test_a_claimed_task_is_in_progress_and_nobody_elses(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await claimed(tasks, START + 1)
        assert claim is not None
        assert (claim.task.id, claim.task.status, claim.task.started_at) == (task.id, TaskStatus.IN_PROGRESS, START + 1)
        assert (claim.task.executed_on, claim.task.lease, claim.task.crashes) == ("host2", claim.lease, 0)
        assert await tasks_elsewhere.find(task.id) == claim.task
        assert await claimed(tasks_elsewhere, START + 2) is None
        assert await claimed(tasks, START + 2) is None
        assert await tasks.waiting() == 0

    async def test_of_many_claims_at_once_one_gets_the_task(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        await tasks.add(a_task())
        claims = await asyncio.gather(*(claimed(one) for one in (tasks, tasks_elsewhere) * 8))
        assert len([one for one in claims if one is not None]) == 1

    async def test_the_highest_priority_comes_first_then_the_oldest(self, tasks: TaskStore) -> None:
        made = [a_task(OTHER, priority=priority) for priority in (0, 5, 5, -1)]
        for one in made:
            await tasks.add(one)
        order = []
        for _ in made:
            claim = await running(tasks)
            order.append(claim.task.id)
            await tasks.end(claim.lease, TaskEnd(TaskStatus.COMPLETED, START, state()))
        assert order == [made[n].id for n in (1, 2, 0, 3)]

    async def test_a_type_has_no_more_runs_than_allowed(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        for kind in (KIND, KIND, OTHER, OTHER, OTHER, "unknown here"):
            await tasks.add(a_task(kind))
        claims = [await claimed(one) for one in (tasks, tasks_elsewhere) * 3]
        assert sorted(one.task.type for one in claims if one is not None) == [KIND, OTHER, OTHER]
        first = next(one for one in claims if one is not None and one.task.type == KIND)
        await tasks.end(first.lease, TaskEnd(TaskStatus.COMPLETED, START, state()))
        assert (await running(tasks_elsewhere)).task.type == KIND
        assert await tasks.waiting() == 2

    async def test_what_was_saved_is_seen_and_comes_with_the_next_claim(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await running(tasks)
        assert not await tasks.save(claim.lease, state({"last": "k"}, 2), until=START + 40)
        assert (await found(tasks_elsewhere, task.id)).state == state({"last": "k"}, 2)
        assert await claimed(tasks_elsewhere, START + 39) is None, "the lease was prolonged"
        again = await running(tasks_elsewhere, START + 40)
        assert (again.task.id, again.task.state, again.task.crashes) == (task.id, state({"last": "k"}, 2), 1)
        assert again.task.started_at == START
        assert again.lease != claim.lease

    async def test_crashes_are_counted_until_there_is_progress(self, tasks: TaskStore) -> None:
        await tasks.add(a_task())
        now, crashes = START, []
        for progress in (None, None, {"n": 1}, {"n": 1}, {"n": 2}):
            claim = await running(tasks, now)
            crashes.append(claim.task.crashes)
            await tasks.save(claim.lease, state(progress), until=now + LEASE)
            now += LEASE
        assert crashes == [0, 1, 2, 1, 2]

    async def test_a_run_that_lost_its_task_writes_nothing(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        task = a_task()
        await tasks.add(task)
        late = await running(tasks)
        again = await running(tasks_elsewhere, START + LEASE)
        with pytest.raises(LeaseLost):
            await tasks.save(late.lease, state({"n": 9}), until=START + 100)
        with pytest.raises(LeaseLost):
            await tasks.end(late.lease, TaskEnd(TaskStatus.FAILED, START, state(), "late"))
        await tasks.release(late.lease)
        assert await tasks.find(task.id) == again.task

    async def test_a_released_task_waits_and_has_not_crashed(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await running(tasks)
        await tasks.save(claim.lease, state({"n": 1}), until=START + LEASE)
        await tasks.release(claim.lease)
        assert (await found(tasks, task.id)).status is TaskStatus.WAITING
        again = await running(tasks_elsewhere)
        assert (again.task.state.progress, again.task.crashes) == ({"n": 1}, 0)

    @pytest.mark.parametrize("status", [TaskStatus.COMPLETED, TaskStatus.CANCELED, TaskStatus.FAILED])
    async def test_an_ended_task_stays_as_it_ended(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore, status: TaskStatus
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await running(tasks)
        await tasks.end(claim.lease, TaskEnd(status, START + 9, state({"n": 1}, 7), "because"))
        record = await found(tasks_elsewhere, task.id)
        assert (record.status, record.ended_at, record.failure, record.lease) == (status, START + 9, "because", None)
        assert record.state == state({"n": 1}, 7)
        with pytest.raises(LeaseLost):
            await tasks.end(claim.lease, TaskEnd(TaskStatus.FAILED, START, state()))
        await tasks.request_cancel(task.id, host="host3", at=START)
        assert await claimed(tasks_elsewhere, START + 1000) is None
        assert await tasks.find(task.id) == record

    async def test_a_waiting_task_is_cancelled_at_once(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        task = a_task()
        await tasks.add(task)
        await tasks_elsewhere.request_cancel(task.id, host="host3", at=START + 2)
        await tasks.request_cancel(uuid.uuid4(), host="host3", at=START)
        record = await found(tasks, task.id)
        assert (record.status, record.ended_at, record.cancelled_from) == (TaskStatus.CANCELED, START + 2, "host3")
        assert await claimed(tasks) is None

    async def test_a_running_task_hears_that_it_is_cancelled(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await running(tasks)
        for host in ("host3", "host4"):
            await tasks_elsewhere.request_cancel(task.id, host=host, at=START)
        record = await found(tasks, task.id)
        assert (record.status, record.cancelled_from) == (TaskStatus.CANCEL_REQUESTED, "host3")
        assert await tasks.save(claim.lease, state(), until=START + LEASE)

    @pytest.mark.parametrize("is_released", [True, False])
    async def test_a_cancelled_task_whose_run_is_gone_comes_to_be_ended(
        self, tasks: TaskStore, tasks_elsewhere: TaskStore, is_released: bool
    ) -> None:
        task = a_task()
        await tasks.add(task)
        claim = await running(tasks)
        await tasks.request_cancel(task.id, host="host3", at=START)
        if is_released:
            await tasks.release(claim.lease)
        again = await running(tasks_elsewhere, START if is_released else START + LEASE)
        assert (again.task.id, again.task.status) == (task.id, TaskStatus.CANCEL_REQUESTED)

    async def test_the_list_comes_in_pages_the_newest_first(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        made = [a_task(at=START + n) for n in range(7)]
        for one in made:
            await tasks.add(one)
        pages = [await tasks_elsewhere.page(TaskQuery(), offset=offset, limit=3) for offset in (0, 3, 6, 9)]
        assert [[one.id for one in page] for page in pages] == [
            [one.id for one in made[:3:-1]], [one.id for one in made[3:0:-1]], [made[0].id], [],
        ]  # fmt: skip

    async def test_the_list_is_chosen_by_status_type_and_times(self, tasks: TaskStore) -> None:
        done, failed, waiting = a_task(at=START), a_task(OTHER, at=START + 10), a_task(at=START + 20)
        await ended(tasks, TaskStatus.COMPLETED, START + 100, done)
        await ended(tasks, TaskStatus.FAILED, START + 200, failed)
        await tasks.add(waiting)
        names = {done.id: "done", failed.id: "failed", waiting.id: "waiting"}

        async def chosen(query: TaskQuery) -> str:
            return " ".join(names[one.id] for one in await tasks.page(query, offset=0, limit=10))

        assert await chosen(TaskQuery()) == "waiting failed done"
        assert await chosen(TaskQuery(status=TaskStatus.WAITING)) == "waiting"
        assert await chosen(TaskQuery(type=OTHER)) == "failed"
        assert await chosen(TaskQuery(type=KIND, submitted_before=START + 20)) == "done"
        assert await chosen(TaskQuery(submitted_after=START)) == "waiting failed"
        assert await chosen(TaskQuery(started_before=START + 1)) == "failed done"
        assert await chosen(TaskQuery(started_after=START)) == ""
        assert await chosen(TaskQuery(completed_before=START + 101)) == "done"
        assert await chosen(TaskQuery(completed_after=START + 99)) == "done"
        assert await chosen(TaskQuery(failed_before=START + 200)) == ""
        assert await chosen(TaskQuery(failed_before=START + 201, failed_after=START + 199)) == "failed"

    async def test_what_ended_before_a_time_is_removed(self, tasks: TaskStore) -> None:
        for n in range(5):
            await ended(tasks, TaskStatus.COMPLETED, START + n, a_task())
        await tasks.add(a_task())
        assert await tasks.remove_ended(START + 4, 3) == 3
        assert await tasks.remove_ended(START + 4, 3) == 1
        assert await tasks.remove_ended(START + 4, 3) == 0
        assert len(await tasks.page(TaskQuery(), offset=0, limit=10)) == 2

    async def test_a_change_anywhere_wakes_the_watcher(self, tasks: TaskStore, tasks_elsewhere: TaskStore) -> None:
        woken = asyncio.Event()
        end = tasks.watch(woken.set)
        for store in (tasks, tasks_elsewhere):
            woken.clear()
            await store.add(a_task())
            await asyncio.wait_for(woken.wait(), 20)
        end()
        woken.clear()
        await tasks.add(a_task())
        assert not woken.is_set()
