"""Runners that do what a test tells them, and a worker on a store."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from compostela.base.clock import Clock
from compostela.core.tasks.model import Json
from compostela.core.tasks.ports import TaskStore
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.run import RunTimes
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.core.tasks.service import Tasks
from compostela.core.tasks.worker import TaskWorker, WorkerSettings

SECONDS = 20.0
QUICK = RunTimes(lease_seconds=20, heartbeat_seconds=5, save_seconds=1, poll_seconds=0.01, cancel_seconds=10)

Run = Callable[["Step", TaskContext], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Step:
    """Arguments: which of the runner's functions is called."""

    name: str = ""
    count: int = 0


@dataclass
class Scripted(TaskRunner[Step]):
    """Notes what begins, and calls the function."""

    name = "scripted"
    arguments = Step
    function: Run
    begun: list[str] = field(default_factory=list)

    async def describe(self, arguments: Step) -> Json:
        return {"initialCount": arguments.count}

    async def run(self, arguments: Step, context: TaskContext) -> None:
        self.begun.append(arguments.name)
        await self.function(arguments, context)


class Parallel(Scripted):
    name = "parallel"
    at_once = 3


class Urgent(Scripted):
    name = "urgent"
    priority = 5


class Once(Scripted):
    name = "once"
    is_resumable = False


class Gate:
    """A run that stays until it is let go, reporting all the time."""

    def __init__(self) -> None:
        self.inside = 0
        self.open = asyncio.Event()
        self.entered = asyncio.Event()

    async def __call__(self, step: Step, context: TaskContext) -> None:
        self.inside += 1
        self.entered.set()
        try:
            while not self.open.is_set():
                await context.report({"initialCount": 10, "remainingCount": 5}, {"at": 5})
                await asyncio.sleep(0.001)
        finally:
            self.inside -= 1


async def nothing(step: Step, context: TaskContext) -> None:
    return


def tasks_of(store: TaskStore, clock: Clock, *runners: Scripted) -> Tasks:
    return Tasks(store, TaskTypes(runners), clock, "host1")


@asynccontextmanager
async def worker_of(tasks: Tasks, clock: Clock, settings: WorkerSettings | None = None) -> AsyncIterator[None]:
    """A worker at work, stopped in good order."""
    worker = TaskWorker(tasks.store, tasks.types, clock, "host2", settings, QUICK)
    working = asyncio.create_task(worker.work())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
