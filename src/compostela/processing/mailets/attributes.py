"""Mailets on mail attributes."""

from dataclasses import dataclass, field
from typing import Annotated, Any

from compostela.base.declarations import Declaration, Integer, Many
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import Mail
from compostela.core.queue.model import HIGHEST_PRIORITY, LOWEST_PRIORITY, NORMAL_PRIORITY
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun


@dataclass(frozen=True, slots=True)
class _Children(Declaration):
    """All elements inside, as texts by name."""

    @property
    def kind(self) -> str:
        return "elements of any name"

    def read(self, settings: Settings, default: Any) -> object:
        return {
            child.node.name: child.body
            for child in settings.children()
            if child.node.name not in ("onMailetException", "onMatchException")
        }

    def shown(self, default: object) -> object:
        return None


@dataclass(frozen=True, slots=True)
class SetMailAttributeSettings:
    """Parameters of `SetMailAttribute`."""

    values: Annotated[dict[str, str], _Children("*")] = field(default_factory=dict)
    """An attribute and its value."""


class SetMailAttribute(Mailet):
    """Each child element is an attribute."""

    parameters = SetMailAttributeSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._values = read(SetMailAttributeSettings, settings).values

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.update(self._values)


@dataclass(frozen=True, slots=True)
class RemoveMailAttributeSettings:
    """Parameters of `RemoveMailAttribute`."""

    names: Annotated[tuple[str, ...], Many("name", required=True)] = ()
    """Attributes that are removed."""


class RemoveMailAttribute(Mailet):
    """Removes the attributes named."""

    parameters = RemoveMailAttributeSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._names = read(RemoveMailAttributeSettings, settings).names

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        for name in self._names:
            mail.attributes.pop(name, None)


class RemoveAllMailAttributes(Mailet):
    """Removes all attributes."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.clear()


@dataclass(frozen=True, slots=True)
class WithPrioritySettings:
    """Parameters of `WithPriority`."""

    priority: Annotated[int, Integer("priority", minimum=LOWEST_PRIORITY, maximum=HIGHEST_PRIORITY, required=True)] = (
        NORMAL_PRIORITY
    )
    """The mail's priority; the highest goes first."""


class WithPriority(Mailet):
    """Sets the priority with which the mail is sent on."""

    parameters = WithPrioritySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._priority = read(WithPrioritySettings, settings).priority

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes[MAIL_PRIORITY] = self._priority
