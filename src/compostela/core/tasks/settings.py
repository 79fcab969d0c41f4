"""Settings of tasks: which process runs them (James's switch, in rabbitmq.properties), and how (our tasks.properties)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

from compostela.base.declarations import Boolean, Declaration, Many
from compostela.base.declared import Declared, Group, Reader
from compostela.base.errors import InvalidArgument
from compostela.base.extensions import find_extension
from compostela.base.settings import Settings
from compostela.core.extension_parts import ExtensionParts
from compostela.core.tasks.runner import TaskRunner
from compostela.core.tasks.schedule import ScheduledTask
from compostela.core.tasks.worker import WorkerSettings

ENTRY_POINTS = "compostela.tasks"


@dataclass(frozen=True, slots=True)
class TaskSettings(Declared):
    """Which process runs tasks: what of `rabbitmq.properties` concerns them."""

    WITHOUT_EFFECT = ("task.queue.consumer.timeout",)

    consumption_enabled: Annotated[bool, Boolean("task.consumption.enabled")] = True
    """Run the tasks that administrators start, wherever they were started. Without it they wait for another process, and
    health is degraded when none takes them."""


class _Schedule(Declaration):
    __slots__ = ()

    @property
    def kind(self) -> str:
        return "element, any number"

    def read(self, settings: Settings, default: Any) -> object:  # noqa: ARG002 - there are no lines without the element
        found = []
        for line in settings.sections(self.name):
            try:
                found.append(ScheduledTask.parse(line.body, line.place))
            except InvalidArgument as error:
                settings.problems.error(line.place, f"{self.name}: {error}")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class TaskRunSettings:
    """`tasks.properties`."""

    worker: Annotated[WorkerSettings, Group()]
    schedule: Annotated[Sequence[ScheduledTask], _Schedule("schedule")] = ()
    """Five fields of cron (UTC), a type of task and its arguments as JSON, see the operators' page on tasks."""


read_task_run_settings = Reader(TaskRunSettings)

TaskFactory = Callable[[ExtensionParts], TaskRunner[Any]]


def _own_task(name: str) -> TaskFactory:
    return cast("TaskFactory", find_extension("task", TaskRunner, name, ENTRY_POINTS))


@dataclass(frozen=True, slots=True)
class ExtensionsSettings(Declared):
    """`extensions.properties`."""

    NOT_YET = ("guice.extension.module", "guice.extension.startable")

    tasks: Annotated[
        tuple[TaskFactory, ...], Many("guice.extension.tasks", _own_task, older=("guice.extension.task",))
    ] = ()
    """Types of tasks of your own: dotted paths or entry points of the group `compostela.tasks`, see the developers' page on tasks."""


read_extensions_settings = Reader(ExtensionsSettings)
