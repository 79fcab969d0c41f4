"""Runs tasks in this process: claims them, keeps their leases, and ends them."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from compostela.base.clock import Clock
from compostela.base.concurrency import wait_at_most
from compostela.base.declarations import Duration, Integer, Many
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.tasks.ports import TaskStore
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.run import RunTimes, TaskRun

_log = logging.getLogger(__name__)

CONCURRENCY = 4
KEPT_SECONDS = 30 * 86400.0
TIDY_SECONDS = 3600.0
"""Between two removals of old tasks."""
REMOVED_AT_ONCE = 500


def _limit(text: str) -> tuple[str, int]:
    name, _, number = (part.strip() for part in text.partition(":"))
    if not name or not number.isdecimal():
        raise InvalidArgument(f"{text!r} is not a type of task and a number, such as reprocessing-all: 2")
    return name, int(number)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one process runs."""

    concurrency: Annotated[int, Integer("concurrency", minimum=1)] = CONCURRENCY
    """Tasks that one process runs at the same time."""
    limits: Annotated[Mapping[str, int], Many("limits", _limit, dict)] = field(default_factory=dict)
    """Runs of a type at the same time in all processes, such as `reprocessing-all: 2, clear-mail-queue: 0`; those of the type itself by
    default, which is 1 for most."""
    kept_seconds: Annotated[float, Duration("kept", unit="day")] = KEPT_SECONDS
    """How long ended tasks stay in the list."""


class TaskWorker:
    """`work` is called once."""

    def __init__(
        self,
        store: TaskStore,
        types: TaskTypes,
        clock: Clock,
        host: str,
        settings: WorkerSettings | None = None,
        times: RunTimes | None = None,
    ) -> None:
        self._store = store
        self._types = types
        self._clock = clock
        self._host = host
        self._settings = settings or WorkerSettings()
        self._times = times or RunTimes()
        self._at_once = types.at_once(self._settings.limits)
        self._running = 0
        self._changed = asyncio.Event()

    async def work(self) -> None:
        """Runs tasks until it is cancelled: then what runs is given back, to be gone on with by another process or after the
        next start."""
        end = self._store.watch(self._changed.set)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tidy())
                while True:
                    self._changed.clear()
                    await self._begin(group)
                    await wait_at_most(self._changed, self._times.poll_seconds)
        finally:
            end()

    async def _begin(self, group: asyncio.TaskGroup) -> None:
        """Whatever there is to do, as far as there is room."""
        while self._running < self._settings.concurrency:
            now = self._clock.now()
            until = now + self._times.lease_seconds
            try:
                claim = await self._store.claim(self._at_once, host=self._host, now=now, until=until)
            except TemporaryFailure as failure:
                _log.warning("no task can be claimed: %s", failure)
                return
            except Exception:
                _log.exception("no task can be claimed")
                return
            if claim is None:
                return
            self._running += 1
            group.create_task(self._run(TaskRun(self._store, self._types, claim, self._clock, self._times)))

    async def _run(self, run: TaskRun) -> None:
        try:
            await run.run()
        except Exception:
            # ours or the store's: the task comes again when its lease is over, and the others go on
            _log.exception("a run of a task failed")
        finally:
            self._running -= 1
            self._changed.set()

    async def _tidy(self) -> None:
        while True:
            try:
                before = self._clock.now() - self._settings.kept_seconds
                while await self._store.remove_ended(before, REMOVED_AT_ONCE) == REMOVED_AT_ONCE:
                    pass
            except TemporaryFailure as failure:
                _log.warning("ended tasks cannot be removed: %s", failure)
            await asyncio.sleep(TIDY_SECONDS)
