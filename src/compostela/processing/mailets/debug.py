"""Mailets for tests of a configuration."""

import asyncio
import sys

from compostela.base.metrics import counter
from compostela.core.mail.model import Mail
from compostela.processing.mailet import Mailet
from compostela.processing.pipeline_run import PipelineRun

_counted = counter("countedMails", "Mails that passed a mailet Counter")


class Counter(Mailet):
    """Counts the mails that pass in the metric `countedMails`."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        _counted.inc()


class Identity(Mailet):
    """Does nothing."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        return


class DumpSystemErr(Mailet):
    """Writes the message to the standard error of the process."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        text = (await mail.content.read()).decode("utf-8", "replace")
        await asyncio.to_thread(sys.stderr.write, text)


class MailetFailure(RuntimeError):
    """Raised on purpose."""


class ExceptionThrowingMailet(Mailet):
    """Fails, for tests of `onMailetException`."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        raise MailetFailure("ExceptionThrowingMailet fails on purpose")


class PropagateError(Mailet):
    """Fails; with `onMailetException` `propagate` the mail is processed again later, for tests of that path."""

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        raise MailetFailure("PropagateError fails on purpose")
