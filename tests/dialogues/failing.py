"""Mailets that fail."""

from pathlib import Path

from compostela.base.settings import Settings
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun


class Failing(Mailet):
    """Always."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        raise RuntimeError("on purpose")


class FailingWhile(Mailet):
    """As long as a file is there."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._file = Path(settings.required("file"))

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if self._file.exists():
            raise RuntimeError("on purpose")
