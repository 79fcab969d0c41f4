"""Settings of tasks: which process runs them (James's switch, in rabbitmq.properties), and how (our tasks.properties)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from compostela.base.errors import InvalidArgument
from compostela.base.extensions import load_extension
from compostela.base.settings import Settings
from compostela.core.extension_parts import ExtensionParts
from compostela.core.tasks.runner import TaskRunner
from compostela.core.tasks.schedule import ScheduledTask
from compostela.core.tasks.worker import CONCURRENCY, KEPT_SECONDS, WorkerSettings

ENTRY_POINTS = "compostela.tasks"


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """Which process runs tasks."""

    consumption_enabled: bool
    """Run the tasks that administrators start, wherever they were started. Without it they wait for another process, and
    health is degraded when none takes them."""


def read_task_settings(settings: Settings) -> TaskSettings:
    """Reads what of `rabbitmq.properties` concerns tasks."""
    settings.ignored("task.queue.consumer.timeout")
    return TaskSettings(consumption_enabled=settings.boolean("task.consumption.enabled", True))


@dataclass(frozen=True, slots=True)
class TaskRunSettings:
    """`tasks.properties`."""

    worker: WorkerSettings
    schedule: Sequence[ScheduledTask]


def read_task_run_settings(settings: Settings) -> TaskRunSettings:
    """Reads the whole file."""
    worker = WorkerSettings(
        concurrency=settings.integer("concurrency", CONCURRENCY, minimum=1),
        limits=dict(_limits(settings)),
        kept_seconds=settings.duration("kept", KEPT_SECONDS, unit="day"),
    )
    read = TaskRunSettings(worker, _schedule(settings))
    settings.finish()
    return read


TaskFactory = Callable[[ExtensionParts], TaskRunner[Any]]


def read_own_tasks(settings: Settings) -> list[TaskFactory]:
    """The types of tasks in extensions.properties: dotted paths, or entry points of the group `compostela.tasks`."""
    found = []
    for key in ("guice.extension.tasks", "guice.extension.task"):
        for name in settings.strings(key):
            factory = load_extension(settings, "task", TaskRunner, name, ENTRY_POINTS, (), key)
            if factory is not None:
                found.append(cast("TaskFactory", factory))
    return found


def _limits(settings: Settings) -> Sequence[tuple[str, int]]:
    found = []
    for text in settings.strings("limits"):
        name, _, number = (part.strip() for part in text.partition(":"))
        if not name or not number.isdecimal():
            settings.error(f"{text!r} is not a type of task and a number, such as reprocessing-all: 2", "limits")
        else:
            found.append((name, int(number)))
    return found


def _schedule(settings: Settings) -> list[ScheduledTask]:
    found = []
    for line in settings.sections("schedule"):
        try:
            found.append(ScheduledTask.parse(line.body, line.place))
        except InvalidArgument as error:
            settings.problems.error(line.place, f"schedule: {error}")
    return found
