"""Starting, watching and cancelling tasks, in any process."""

import asyncio
import uuid

from compostela.base.clock import Clock
from compostela.base.concurrency import wait_at_most
from compostela.base.errors import NotFound
from compostela.core.tasks.model import NewTask, TaskQuery, TaskRecord, TaskStatus, check_size
from compostela.core.tasks.ports import MAX_OPEN_TASKS, TaskStore
from compostela.core.tasks.registry import TaskTypes

POLL_SECONDS = 1.0
"""How often a waiter looks, whether or not a hint came."""


class Tasks:
    """`types` are those that may be submitted; `host` is the name of this machine."""

    def __init__(self, store: TaskStore, types: TaskTypes, clock: Clock, host: str) -> None:
        self.store = store
        self.types = types
        self.host = host
        self._clock = clock

    async def submit(self, name: str, arguments: object, task_id: uuid.UUID | None = None) -> uuid.UUID:
        """Durable when it returns: some process with the role runs it. With an id that is known already nothing is submitted.
        Raises `InvalidArgument`, `TooManyTasks`, `TemporaryFailure`, and what the runner's `describe` raises."""
        runner = self.types.runner(name)
        encoded = self.types.encode(name, arguments)
        information = await runner.describe(arguments)
        check_size(information)
        task = NewTask(
            id=task_id or uuid.uuid4(),
            type=name,
            arguments=encoded,
            submitted_at=self._clock.now(),
            submitted_from=self.host,
            priority=runner.priority,
            information=information,
        )
        await self.store.add(task)
        return task.id

    async def find(self, task_id: uuid.UUID) -> TaskRecord:
        """Raises `NotFound`."""
        record = await self.store.find(task_id)
        if record is None:
            raise NotFound(f"{task_id} can not be found")
        return record

    async def page(self, query: TaskQuery, *, offset: int, limit: int) -> list[TaskRecord]:
        """See `TaskStore.page`."""
        return await self.store.page(query, offset=offset, limit=limit)

    async def open(self, name: str) -> list[TaskRecord]:
        """The tasks of a type that wait or run."""
        statuses = (TaskStatus.WAITING, TaskStatus.IN_PROGRESS, TaskStatus.CANCEL_REQUESTED)
        pages = [await self.page(TaskQuery(status, name), offset=0, limit=MAX_OPEN_TASKS) for status in statuses]
        return [task for page in pages for task in page]

    async def waiting(self) -> int:
        """Tasks that no process runs yet."""
        return await self.store.waiting()

    async def cancel(self, task_id: uuid.UUID) -> None:
        """Asks a task to end, wherever it runs. Nothing for one that is unknown or has ended."""
        await self.store.request_cancel(task_id, host=self.host, at=self._clock.now())

    async def wait(self, task_id: uuid.UUID, seconds: float) -> TaskRecord:
        """The task, once it has ended. Raises `NotFound`, and `TimeoutError` when the time is over."""
        changed = asyncio.Event()
        end = self.store.watch(changed.set)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    changed.clear()
                    record = await self.find(task_id)
                    if record.status.is_final:
                        return record
                    await wait_at_most(changed, POLL_SECONDS)
        finally:
            end()
