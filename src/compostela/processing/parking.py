"""Parking: a mail that cannot be processed goes to the error repository, with the reason, and leaves its queue."""

import logging
from dataclasses import dataclass

from compostela.base.metrics import counter
from compostela.core.mail.model import Mail
from compostela.core.queue.ports import MAX_DEATHS_ALONE, QueueItem
from compostela.core.repository.ports import MailRepositoryStore, RepositoryUrl
from compostela.core.tracing.tracer import Tracer
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)
_parked = counter("parkedMails", "Mails that went to the error repository because processing them keeps failing")


@dataclass(frozen=True, slots=True)
class Parking:
    """`url` names the error repository. With a `tracer` the end of the mail's way is noted."""

    repositories: MailRepositoryStore
    url: RepositoryUrl
    tracer: Tracer | None = None

    async def park(self, item: QueueItem, mail: Mail, reason: str) -> None:
        """Raises `TemporaryFailure`; then the entry is still in hand."""
        mail.error_message = reason
        repository = await self.repositories.select(self.url)
        await repository.store(mail, PipelineRun(item.entry).effect(str(self.url)))
        await item.done()
        _parked.inc()
        if self.tracer is not None:
            told = "parked in the error repository: it cannot be processed"
            self.tracer.note(mail, "end", str(self.url), "", mail.recipients, (told,))
        _log.error("a mail was parked in the error repository", extra={"mail": mail.name, "repository": str(self.url)})

    async def park_killer(self, item: QueueItem) -> bool:
        """Whether the entry killed its process too often; then it is parked. Raises `TemporaryFailure`."""
        if item.deaths_alone < MAX_DEATHS_ALONE:
            return False
        reason = (
            f"The server process died {item.deaths_alone} times while it processed this mail and no other. "
            "It is not tried again by itself."
        )
        await self.park(item, item.mail, reason)
        return True
