"""A mailet that always fails."""

from compostela.core.mail.model import Mail
from compostela.processing.mailet import Mailet
from compostela.processing.run import PipelineRun


class Failing(Mailet):
    async def service(self, mail: Mail, run: PipelineRun) -> None:
        raise RuntimeError("on purpose")
