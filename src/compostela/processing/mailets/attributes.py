"""Mailets on mail attributes."""

from compostela.base.settings import Settings
from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import Mail
from compostela.core.queue.model import HIGHEST_PRIORITY, LOWEST_PRIORITY, NORMAL_PRIORITY
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun


class SetMailAttribute(Mailet):
    """Each child element is an attribute."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._values = {
            child.node.name: child.body
            for child in settings.children()
            if child.node.name not in ("onMailetException", "onMatchException")
        }

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.update(self._values)


class RemoveMailAttribute(Mailet):
    """Removes the attributes named."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._names = settings.strings("name")
        if not self._names:
            settings.error("RemoveMailAttribute needs 'name'")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        for name in self._names:
            mail.attributes.pop(name, None)


class RemoveAllMailAttributes(Mailet):
    """Removes all attributes."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes.clear()


class WithPriority(Mailet):
    """Sets the priority with which the mail is sent on."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        settings.required("priority")
        self._priority = settings.integer(
            "priority", NORMAL_PRIORITY, minimum=LOWEST_PRIORITY, maximum=HIGHEST_PRIORITY
        )

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.attributes[MAIL_PRIORITY] = self._priority
