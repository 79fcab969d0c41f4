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
    """Takes the place of a mailet that does not exist yet: lets every mail pass and takes any parameter. The mailet itself is reported,
    so its parameters are not."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        settings.read_elsewhere(*{child.name for child in settings.node.children})

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        return
