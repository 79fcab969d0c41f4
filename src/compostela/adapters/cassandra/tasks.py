"""Tasks: the open ones in one partition, each change one conditional batch on its version; those that have ended in a history."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TypeVar

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.open_tasks import Change, KeptTask, OpenTasks, decode, encode
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.adapters.cassandra.task_history import TaskHistory, merged
from compostela.base.errors import CompostelaError, TemporaryFailure
from compostela.core.tasks.model import Claim, Lease, NewTask, TaskEnd, TaskQuery, TaskRecord, TaskState, TaskStatus

T = TypeVar("T")
Plan = Callable[[OpenTasks], Awaitable[tuple[Change | None, T]]]
"""What is to change, and what is then the answer."""

POLL_SECONDS = 1.0
"""How often it is looked whether another node changed a task, while one watches."""
_VERSION = "SELECT DISTINCT part, version, last_number FROM task WHERE part = 'open'"
_ALL = "SELECT record, version, last_number FROM task WHERE part = 'open'"
_FIND = "SELECT record FROM task WHERE part = 'open' AND id = ?"
_STEP = "UPDATE task SET version = ?, last_number = ? WHERE part = 'open' IF version = ?"
_PUT = "INSERT INTO task (part, id, record) VALUES ('open', ?, ?)"
_DROP = "DELETE FROM task WHERE part = 'open' AND id = ?"


class CassandraTasks:
    """See `compostela.core.tasks.ports`."""

    def __init__(self, session: CassandraSession, poll_seconds: float = POLL_SECONDS) -> None:
        self._session = session
        self._history = TaskHistory(session)
        self._poll_seconds = poll_seconds
        self._kept = OpenTasks()
        """What this node saw last. A change that was planned on it is refused if it is old."""
        self._is_old = True
        self._one_at_a_time = asyncio.Lock()
        self._watchers: dict[object, Callable[[], None]] = {}
        self._polling: asyncio.Task[None] | None = None

    # reading

    async def find(self, task_id: uuid.UUID) -> TaskRecord | None:
        row = await self._session.first(_FIND, task_id)
        if row is not None:
            return decode(row[0]).record
        ended = await self._history.find(task_id)
        return None if ended is None else ended.record

    async def page(self, query: TaskQuery, *, offset: int, limit: int) -> list[TaskRecord]:
        found: list[TaskRecord] = []
        skipped = 0
        async with contextlib.aclosing(self._all()) as tasks:
            async for task in tasks:
                if len(found) == limit:
                    break
                if not _matches(query, task.record):
                    continue
                if skipped < offset:
                    skipped += 1
                else:
                    found.append(task.record)
        return found

    async def _all(self) -> AsyncGenerator[KeptTask, None]:
        open_tasks = await self._read()
        async for task in merged(list(open_tasks.tasks.values()), self._history.newest_first()):
            yield task

    async def waiting(self) -> int:
        tasks = (await self._read()).tasks.values()
        return sum(task.record.status is TaskStatus.WAITING for task in tasks)

    async def _read(self) -> OpenTasks:
        rows = await self._session.rows(_ALL)
        if not rows:
            return OpenTasks()
        _, version, last_number = rows[0]
        # without open tasks there is one row with the statics alone
        tasks = [decode(row[0]) for row in rows if row[0] is not None]
        return OpenTasks(version, last_number or 0, {task.record.id: task for task in tasks})

    # changing

    async def add(self, task: NewTask) -> bool:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, bool]:
            if task.id in tasks.tasks or await self._history.find(task.id) is not None:
                return None, False
            return tasks.add(task), True

        return await self._change(plan)

    async def claim(self, at_once: Mapping[str, int], *, host: str, now: float, until: float) -> Claim | None:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, Claim | None]:
            return tasks.claim(at_once, host, now, until) or (None, None)

        return await self._change(plan)

    async def save(self, lease: Lease, state: TaskState, *, until: float) -> bool:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, bool]:
            return tasks.save(lease, state, until)

        return await self._change(plan)

    async def release(self, lease: Lease) -> None:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, None]:
            return tasks.release(lease), None

        await self._change(plan)

    async def end(self, lease: Lease, end: TaskEnd) -> None:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, None]:
            return tasks.end(lease, end), None

        await self._change(plan)

    async def request_cancel(self, task_id: uuid.UUID, *, host: str, at: float) -> None:
        async def plan(tasks: OpenTasks) -> tuple[Change | None, None]:
            return tasks.request_cancel(task_id, host, at), None

        await self._change(plan)

    async def remove_ended(self, before: float, limit: int) -> int:
        async with self._one_at_a_time:
            await planned(self._file_ended)
        return await self._history.remove_ended(before, limit)

    async def _change(self, plan: Plan[T]) -> T:
        """Plans on the open tasks and carries it out, again and again until no other node came first. An answer without a change,
        or an error, comes only after a fresh read."""

        async def attempt() -> T:
            change: Change | None = None
            if not self._is_old:
                with contextlib.suppress(CompostelaError):
                    change, result = await plan(self._kept)
            if change is None:
                await self._refresh()
                change, result = await plan(self._kept)
            if change is not None:
                await self._carry_out(change)
            return result

        async with self._one_at_a_time:
            result = await planned(attempt)
            if self._kept.ended():
                await planned(self._file_ended)
        return result

    async def _refresh(self) -> None:
        """Reads the tasks again if they have changed."""
        row = await self._session.first(_VERSION)
        if row is not None and row[1] != self._kept.version:
            self._kept = await self._read()
        self._is_old = False

    async def _carry_out(self, change: Change) -> None:
        before = self._kept
        version = (before.version or 0) + 1
        numbers = [task.number for task in change.tasks.values() if task is not None]
        step = Statement(_STEP, (version, max([before.last_number, *numbers]), before.version))
        rows = [
            Statement(_DROP, (task_id,)) if task is None else Statement(_PUT, (task_id, encode(task)))
            for task_id, task in change.tasks.items()
        ]
        # until it is known what became of it
        self._is_old = True
        if not (await self._session.batch_if((step, *rows))).applied:
            raise Conflict
        before.apply(change, version)
        self._is_old = False
        self._tell()

    async def _file_ended(self) -> None:
        """Copies tasks that have ended to the history, then takes them off the open ones: of this node, and of one that died
        in between."""
        await self._refresh()
        ended = self._kept.ended()
        for task in ended:
            await self._history.add(task)
        if ended:
            await self._carry_out(Change({task.record.id: None for task in ended}))

    # watching

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        key = object()
        self._watchers[key] = wake
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())

        def end() -> None:
            self._watchers.pop(key, None)
            if not self._watchers and self._polling is not None:
                self._polling.cancel()
                self._polling = None

        return end

    def _tell(self) -> None:
        for wake in list(self._watchers.values()):
            wake()

    async def _poll(self) -> None:
        known: object = None
        while True:
            with contextlib.suppress(TemporaryFailure):
                row = await self._session.first(_VERSION)
                if row is not None and row[1] != known:
                    known = row[1]
                    self._tell()
            await asyncio.sleep(self._poll_seconds)


def _matches(query: TaskQuery, record: TaskRecord) -> bool:
    completed = record.ended_at if record.status is TaskStatus.COMPLETED else None
    failed = record.ended_at if record.status is TaskStatus.FAILED else None
    return (
        query.status in (None, record.status)
        and query.type in (None, record.type)
        and _is_between(record.submitted_at, query.submitted_after, query.submitted_before)
        and _is_between(record.started_at, query.started_after, query.started_before)
        and _is_between(completed, query.completed_after, query.completed_before)
        and _is_between(failed, query.failed_after, query.failed_before)
    )


def _is_between(time: float | None, after: float | None, before: float | None) -> bool:
    if time is None:
        return after is None and before is None
    return (after is None or time > after) and (before is None or time < before)
