"""How a type of task is written: a class with its arguments, what it tells, and what it does.

A run may end at any line with its process. So a task goes on from the progress that it saved last, and does again what came after:
each step must be one that may be repeated, or be named by the task's id where the port has effect keys.
"""

import abc
import asyncio
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from compostela.base.errors import CompostelaError
from compostela.core.tasks.model import Json, TaskState, check_size

A = TypeVar("A")


class TaskCancelled(CompostelaError):
    """The task is asked to end, and ends here."""


class TaskContext:
    """One run, as its runner sees it."""

    def __init__(
        self, task_id: uuid.UUID, state: TaskState, now: Callable[[], float], save: Callable[[TaskState], Any]
    ) -> None:
        self.task_id = task_id
        self.state = state
        """As of the last report."""
        self._now = now
        self._save = save
        self._is_cancelled = False

    @property
    def progress(self) -> Json | None:
        """Where this run begins or has come to; None at the first run of a task until it reports any."""
        return self.state.progress

    def now(self) -> float:
        """Epoch seconds."""
        return self._now()

    def cancel(self) -> None:
        """Ends the run at its next report."""
        self._is_cancelled = True

    async def report(self, information: Json, progress: Json | None = None) -> None:
        """How far the run is, for administrators and for a later run (None: as before). It is saved within seconds. Raises
        `TaskCancelled`, and `InvalidArgument` for more than `MAX_JSON_BYTES`; gives others on the event loop their turn."""
        self._set(information, self.state.progress if progress is None else progress)
        await asyncio.sleep(0)
        self._check()

    async def save(self, information: Json, progress: Json) -> None:
        """The same, durable when it returns. Raises `TaskCancelled`, `LeaseLost`, `TemporaryFailure`."""
        self._set(information, progress)
        await self._save(self.state)
        self._check()

    def _set(self, information: Json, progress: Json | None) -> None:
        check_size(information)
        check_size(progress or {})
        self.state = TaskState(progress, information, self._now())

    def _check(self) -> None:
        if self._is_cancelled:
            raise TaskCancelled("cancelled")


class TaskRunner(abc.ABC, Generic[A]):
    """One type of task. A runner is made once for a process and shared by all runs of its type."""

    name: ClassVar[str]
    """The type, by James's name of it."""
    arguments: ClassVar[type]
    """A frozen dataclass of JSON types: what `run` takes, and what is stored. No secrets."""
    at_once: ClassVar[int] = 1
    """Runs at the same time, in all processes."""
    priority: ClassVar[int] = 0
    """Tasks of a higher one begin first."""
    is_resumable: ClassVar[bool] = True
    """Whether a run may go on where another was cut off. If not, a task that was cut off has failed."""

    async def describe(self, arguments: A) -> Json:  # noqa: ARG002 - overridden
        """What is told of the task before it runs."""
        return {}

    @abc.abstractmethod
    async def run(self, arguments: A, context: TaskContext) -> None:
        """Does the work from `context.progress` on. What it raises fails the task; the text of a `CompostelaError` is told to
        administrators."""
