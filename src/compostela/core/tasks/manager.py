"""Long work that an administrator starts: it runs in the background, one at a time, and tells how far it is."""

import asyncio
import enum
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from compostela.base.clock import Clock
from compostela.base.errors import NotFound, TemporaryFailure

_log = logging.getLogger(__name__)

MAX_REMEMBERED_TASKS = 1000
MAX_WAITING_TASKS = 1000


class TaskStatus(enum.Enum):
    """James's names."""

    WAITING = "waiting"
    IN_PROGRESS = "inProgress"
    CANCEL_REQUESTED = "canceledRequested"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.CANCELED, TaskStatus.FAILED)


Information = Mapping[str, object]


@dataclass(slots=True)
class Task:
    """Work to be done. `run` does it; `information` tells its progress at any time, in JSON types. A task is safe to be
    cut off and started again."""

    type: str
    run: Callable[[], Awaitable[None]]
    information: Callable[[], Information]


@dataclass(slots=True)
class TaskExecution:
    """What is known of one task. Times are epoch seconds."""

    id: uuid.UUID
    task: Task
    submitted_at: float
    status: TaskStatus = TaskStatus.WAITING
    started_at: float | None = None
    ended_at: float | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)


class TaskManager:
    """Runs tasks in the order of submission, one at a time. Tasks end with the process: all of them can be repeated."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._executions: dict[uuid.UUID, TaskExecution] = {}
        self._waiting: asyncio.Queue[TaskExecution] = asyncio.Queue(MAX_WAITING_TASKS)
        self._running: asyncio.Task[None] | None = None

    def submit(self, task: Task) -> uuid.UUID:
        """Raises `TemporaryFailure` when too many wait."""
        execution = TaskExecution(uuid.uuid4(), task, self._clock.now())
        try:
            self._waiting.put_nowait(execution)
        except asyncio.QueueFull:
            raise TemporaryFailure("too many tasks are waiting") from None
        self._forget_oldest()
        self._executions[execution.id] = execution
        return execution.id

    @property
    def waiting(self) -> int:
        """Tasks that have not begun."""
        return sum(execution.status is TaskStatus.WAITING for execution in self._executions.values())

    def executions(self) -> list[TaskExecution]:
        """Newest first."""
        return sorted(self._executions.values(), key=lambda e: e.submitted_at, reverse=True)

    def execution(self, task_id: uuid.UUID) -> TaskExecution:
        """Raises `NotFound`."""
        try:
            return self._executions[task_id]
        except KeyError:
            raise NotFound(f"{task_id} can not be found") from None

    def cancel(self, task_id: uuid.UUID) -> None:
        """Asks a task to end; an unknown or ended one is left as it is."""
        execution = self._executions.get(task_id)
        if execution is None or execution.status.is_final:
            return
        if execution.status is TaskStatus.WAITING:
            self._end(execution, TaskStatus.CANCELED)
        else:
            execution.status = TaskStatus.CANCEL_REQUESTED
            if self._running is not None:
                self._running.cancel()

    async def work(self) -> None:
        """Runs what is submitted, until cancelled."""
        while True:
            execution = await self._waiting.get()
            if execution.status is TaskStatus.WAITING:
                await self._run(execution)

    async def _run(self, execution: TaskExecution) -> None:
        execution.status = TaskStatus.IN_PROGRESS
        execution.started_at = self._clock.now()
        self._running = asyncio.ensure_future(execution.task.run())
        try:
            await asyncio.wait([self._running])
            self._running.result()
            self._end(execution, TaskStatus.COMPLETED)
        except asyncio.CancelledError:
            self._running.cancel()
            self._end(execution, TaskStatus.CANCELED)
            if _being_cancelled():
                raise
        except Exception:
            _log.exception("task failed", extra={"task": str(execution.id), "type": execution.task.type})
            self._end(execution, TaskStatus.FAILED)
        finally:
            self._running = None

    def _end(self, execution: TaskExecution, status: TaskStatus) -> None:
        execution.status = status
        execution.ended_at = self._clock.now()
        execution.finished.set()

    def _forget_oldest(self) -> None:
        if len(self._executions) < MAX_REMEMBERED_TASKS:
            return
        for task_id, execution in list(self._executions.items()):
            if execution.status.is_final:
                del self._executions[task_id]
                return


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
