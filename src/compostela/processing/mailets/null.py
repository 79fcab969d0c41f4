"""Mailets that end a mail, or do nothing."""

from compostela.base.settings import Settings
from compostela.core.mail.model import GHOST, Mail
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun


class Null(Mailet):
    """Ends the mail."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.state = GHOST


class NoOperation(Mailet):
    """A placeholder for a mailet that does not exist yet: lets every mail pass, takes any parameter."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        settings.ignored(*{child.name for child in settings.node.children})

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        return
