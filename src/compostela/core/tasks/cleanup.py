"""The task that removes tasks which have ended."""

from dataclasses import dataclass

import msgspec

from compostela.base.clock import as_datetime
from compostela.core.tasks.model import Json
from compostela.core.tasks.ports import TaskStore
from compostela.core.tasks.runner import TaskContext, TaskRunner

BATCH = 200


@dataclass(frozen=True, slots=True)
class CleanTasks:
    before: float
    """Those that ended before then, epoch seconds."""


class CleanTasksTask(TaskRunner[CleanTasks]):
    """Each removal is one step that may be repeated."""

    name = "tasks-cleanup"
    arguments = CleanTasks

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    async def describe(self, arguments: CleanTasks) -> Json:
        return _information(arguments, 0)

    async def run(self, arguments: CleanTasks, context: TaskContext) -> None:
        removed = 0 if context.progress is None else msgspec.convert(context.progress.get("removed"), int)
        while count := await self._store.remove_ended(arguments.before, BATCH):
            removed += count
            await context.report(_information(arguments, removed), {"removed": removed})


def _information(arguments: CleanTasks, removed: int) -> Json:
    older_than = as_datetime(arguments.before).isoformat().replace("+00:00", "Z")
    return {"removedTaskCount": removed, "processedTaskCount": removed, "olderThan": older_than}
