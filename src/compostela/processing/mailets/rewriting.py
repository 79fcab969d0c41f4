"""RecipientRewriteTable: recipients become what the rewrite table says."""

import logging

from compostela.base.concurrency import side_by_side
from compostela.base.settings import Settings
from compostela.core.delivery.headers import delivered_to
from compostela.core.idempotency import Effect
from compostela.core.mail import notification
from compostela.core.mail.attributes import FORWARDED, RECORDED_RECIPIENTS, SENT_BY_MAILET
from compostela.core.mail.hops import was_delivered_to
from compostela.core.mail.model import ERROR, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.core.rewriting.resolution import MappingError, Resolution
from compostela.mime.headers import Headers, add_first
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import EXPANDED, enqueue_report
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)


class RecipientRewriteTable(Mailet):
    """Mappings take the recipient's place; a forward is sent on as a new mail, in the recipient's name. An error mapping or
    a loop takes the recipient to the error processor.

    A forwarded mail gets a `Delivered-To` field of the recipient. A mail that has one already was forwarded for this
    recipient before: it is not forwarded again (5.4.6). The recipient's own copy is delivered all the same."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._error_processor = settings.text("errorProcessor", ERROR)
        self._rewrite_sender = settings.boolean("rewriteSenderUponForward", True)
        self._forward_automatic = settings.boolean("forwardAutoSubmittedEmails", False)
        self.processors = (self._error_processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        resolutions = await side_by_side(mail.recipients, self._resolve)
        if all(isinstance(one, Resolution) and one.is_empty for one in resolutions):
            return
        changed: list[MailAddress] = []
        wrong: list[MailAddress] = []
        made: list[tuple[Mail, Effect]] = []
        for recipient, resolution in zip(mail.recipients, resolutions, strict=True):
            if isinstance(resolution, MappingError):
                _log.warning("a recipient cannot be rewritten: %s", resolution, extra={"recipient": str(recipient)})
                wrong.append(recipient)
                mail.error_message = str(resolution)
                continue
            if resolution.is_empty:
                _add(changed, recipient)
                continue
            notification.inherit(mail, recipient, resolution.targets)
            for target in resolution.targets:
                _add(changed, target)
            if resolution.forwards:
                made += await self._forward(mail, recipient, resolution, changed, wrong, run)
        if wrong:
            made.append(self._to_error(mail, wrong, run))
        spool = self.context.queues.queue(SPOOL)
        await side_by_side(made, lambda one: spool.enqueue(one[0], effect=one[1]))
        mail.recipients = changed

    async def _resolve(self, recipient: MailAddress) -> Resolution | MappingError:
        try:
            return await self.context.rewriting.resolve(recipient)
        except MappingError as error:
            return error

    async def _forward(
        self,
        mail: Mail,
        recipient: MailAddress,
        resolution: Resolution,
        changed: list[MailAddress],
        wrong: list[MailAddress],
        run: PipelineRun,
    ) -> list[tuple[Mail, Effect]]:
        """The mail that goes to the recipient's forwards, if any, and the effect that enqueues it."""
        automatic = Headers(mail.content.header).get(b"Auto-Submitted")
        if automatic is not None and automatic.lower() != b"no" and not self._forward_automatic:
            if await self.context.is_local_user(recipient):
                _add(changed, recipient)
            return []
        recorded = mail.attributes.get(RECORDED_RECIPIENTS)
        seen = {str(one).lower() for one in recorded} if isinstance(recorded, list) else set()
        targets = [target for target in resolution.forwards if str(target).lower() not in seen]
        if not targets or was_delivered_to(mail.content.header, recipient):
            _log.warning("a forward makes a loop", extra={"mail": mail.name, "recipient": str(recipient)})
            wrong.append(recipient)
            mail.error_message = f"554 5.4.6 The forwards of {recipient} make a loop"
            return []
        if self._rewrite_sender and recipient not in resolution.targets:
            # a sender who asked for it is told that the mail came as far as this (RFC 3461 §5.2.7)
            await enqueue_report(mail, [recipient], EXPANDED, self.context, run)
        effect = run.effect("forward", recipient)
        copy = mail.copy(part_name(mail, effect), targets)
        copy.state = ROOT
        copy.content = mail.content.with_header(add_first(mail.content.header, delivered_to(recipient)))
        if self._rewrite_sender:
            copy.sender = recipient if mail.sender is not None else None
            # reports of the copy go to the recipient, who asked for none
            notification.forget(copy)
            copy.attributes[FORWARDED] = True
            copy.attributes[SENT_BY_MAILET] = True
        else:
            notification.inherit(copy, recipient, targets)
        copy.attributes[RECORDED_RECIPIENTS] = [*sorted(seen), str(recipient).lower()]
        return [(copy, effect)]

    def _to_error(self, mail: Mail, wrong: list[MailAddress], run: PipelineRun) -> tuple[Mail, Effect]:
        effect = run.effect("rewriting-error", *wrong)
        rest = mail.copy(part_name(mail, effect), wrong)
        rest.state = self._error_processor
        return rest, effect


def _add(recipients: list[MailAddress], recipient: MailAddress) -> None:
    if recipient not in recipients:
        recipients.append(recipient)
