"""Where tasks are kept, for all processes of the server."""

import uuid
from collections.abc import Callable, Mapping
from typing import Protocol

from compostela.base.errors import CompostelaError, TemporaryFailure
from compostela.core.tasks.model import Claim, Lease, NewTask, TaskEnd, TaskQuery, TaskRecord, TaskState

MAX_OPEN_TASKS = 1000
"""Tasks that have not ended, in all processes."""


class TooManyTasks(TemporaryFailure):
    """`MAX_OPEN_TASKS` are reached."""


class LeaseLost(CompostelaError):
    """The run was taken for dead and the task is another's, or it has ended."""


class TaskStore(Protocol):
    """Tasks as data. Every write is durable when it returns, and may raise `TemporaryFailure`. Tasks are what makes room, so
    that they are written on a full disk too (embedded: from the reserve).

    A task is run under a lease, which the store gives to one process at a time and takes back when its time is over, or as
    soon as it knows that the process is dead. Whatever a run writes names its lease: a run that was believed dead and goes on
    writes nothing more.

    Embedded: a row for each task, each method one transaction; a process is known to be dead when its lock file is free.
    Distributed: a row for each task, changed by conditional writes (LWT) on its lease and status; the open tasks are one
    partition, so that counting what runs and claiming is one condition on its version; a process is known to be dead by
    the time of its lease only."""

    async def add(self, task: NewTask) -> bool:
        """Makes a task that waits. Returns False, and changes nothing, if there is one of this id: adding may be repeated.
        Raises `TooManyTasks`."""
        ...

    async def find(self, task_id: uuid.UUID) -> TaskRecord | None: ...

    async def page(self, query: TaskQuery, *, offset: int, limit: int) -> list[TaskRecord]:
        """The newest submission first. Tasks submitted in the meantime shift the pages."""
        ...

    async def waiting(self) -> int:
        """How many wait."""
        ...

    async def claim(self, at_once: Mapping[str, int], *, host: str, now: float, until: float) -> Claim | None:
        """The next task of these types for this process, in progress from now on, leased until then. None if there is none.

        By priority, the highest first, then in the order of submission. A type never has more than `at_once` runs in all
        processes. A task whose lease is over comes again with its saved progress and one more crash; one that waits to be
        cancelled comes too, with that status: its claimer ends it."""
        ...

    async def save(self, lease: Lease, state: TaskState, *, until: float) -> bool:
        """Prolongs the lease and saves how far the run is. Returns True if it is asked to end. New progress sets the crashes
        to 0. Raises `LeaseLost`."""
        ...

    async def release(self, lease: Lease) -> None:
        """Puts the task back as it was saved last; nothing if the lease is lost. A task that is asked to end stays so."""
        ...

    async def end(self, lease: Lease, end: TaskEnd) -> None:
        """The task has ended and its lease is over. Raises `LeaseLost`."""
        ...

    async def request_cancel(self, task_id: uuid.UUID, *, host: str, at: float) -> None:
        """A task that waits is cancelled at once, one in progress is asked to end. Nothing for an unknown or ended one.
        May be repeated; the first host stays."""
        ...

    async def remove_ended(self, before: float, limit: int) -> int:
        """Removes tasks that ended before then, at most `limit`, and tells how many."""
        ...

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls `wake` on the event loop after a change of any task. A hint: some may be lost. Gives what ends the watch."""
        ...
