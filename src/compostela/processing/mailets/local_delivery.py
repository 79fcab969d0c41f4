"""LocalDelivery: the end of the way for mail to users of this server."""

import logging
from dataclasses import dataclass
from typing import Annotated

from compostela.base.concurrency import side_by_side
from compostela.base.declarations import Boolean
from compostela.base.declared import read
from compostela.base.errors import NotFound, QuotaExceeded
from compostela.base.metrics import counter
from compostela.base.settings import Settings
from compostela.core.delivery.headers import delivered_header
from compostela.core.delivery.storage_directive import directive_of
from compostela.core.idempotency import Effect
from compostela.core.mail.attributes import DSN_NOTIFY
from compostela.core.mail.model import ERROR, GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.mime.headers import remove
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import DELIVERED, enqueue_report
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name
from compostela.processing.retries import with_retries

_log = logging.getLogger(__name__)


_delivered = counter("localDeliveredMails", "Mails delivered to mailboxes")


@dataclass(frozen=True, slots=True)
class LocalDeliverySettings:
    """Parameters of `LocalDelivery`."""

    consume: Annotated[bool, Boolean("consume")] = True
    """Whether the mail ends here."""


class LocalDelivery(Mailet):
    """Stores the mail for each recipient, with Return-Path and the recipient's own header fields on top. The body is stored
    once for all of them. Recipients whose delivery fails for good go, as a mail of their own, to the error processor. With
    `consume`, senders who asked for it (NOTIFY=SUCCESS) are told of the delivery; without it a later mailet has to do that."""

    parameters = LocalDeliverySettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._consume = read(LocalDeliverySettings, settings).consume

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        base = remove(mail.content.header, [b"return-path"])
        is_last = self._consume and len(mail.recipients) == 1 and DSN_NOTIFY not in mail.attributes
        effects = [(one, run.effect("mailbox", one, ends_part=is_last)) for one in mail.recipients]
        reasons = await side_by_side(effects, lambda one: self._delivered(mail, *one, base))
        failed = [one for one, reason in zip(mail.recipients, reasons, strict=True) if reason is not None]
        if failed:
            await self._to_error(mail, failed, next(filter(None, reversed(reasons))), run)
        if self._consume and DSN_NOTIFY in mail.attributes:
            delivered = [one for one in mail.recipients if one not in failed]
            await enqueue_report(mail, delivered, DELIVERED, self.context, run)
        if self._consume:
            mail.state = GHOST

    async def _delivered(self, mail: Mail, recipient: MailAddress, effect: Effect, base: bytes) -> str | None:
        """Why the recipient cannot have the mail; None when it is delivered."""
        user = self.context.users.name_of(recipient)
        if user is None:
            raise NotFound(f"{recipient} is no user")
        header = delivered_header(base, mail.sender, mail.per_recipient_headers.get(recipient, ()))
        content = mail.content.with_header(header)
        directive = directive_of(mail, recipient)
        deliver = self.context.mailboxes.deliver
        try:
            await with_retries(lambda: deliver(user, content, effect, directive.folders, directive.flags))
        except QuotaExceeded as error:
            return str(error) or "the quota is exceeded"
        _delivered.inc()
        _log.info("mail delivered", extra={"mail": mail.name, "recipient": str(recipient)})
        return None

    async def _to_error(self, mail: Mail, failed: list[MailAddress], reason: str, run: PipelineRun) -> None:
        effect = run.effect("undelivered", *failed)
        rest = mail.copy(part_name(mail, effect), failed)
        rest.state = ERROR
        rest.error_message = reason
        await self.context.queues.queue(SPOOL).enqueue(rest, effect=effect)
