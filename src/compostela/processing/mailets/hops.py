"""The mailet that stops mail loops inside the pipeline."""

import logging

from compostela.base.settings import Settings
from compostela.core.mail.hops import TOO_MANY_HOPS, has_too_many_hops
from compostela.core.mail.model import ERROR, Mail
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)


class ReceivedLimit(Mailet):
    """Sends a mail with more than `limit` Received fields to the error processor (RFC 5321 §6.3): it is in a loop. The
    container puts this mailet before all others of the root processor; `spooler/maxReceived` sets its limit."""

    processors = (ERROR,)

    def __init__(self, settings: Settings, context: MailetContext, limit: int) -> None:
        super().__init__(settings, context)
        self._limit = limit

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if has_too_many_hops(mail.content.header, self._limit):
            _log.warning("mail in a loop: too many hops", extra={"mail": mail.name})
            mail.error_message = TOO_MANY_HOPS
            mail.state = ERROR
