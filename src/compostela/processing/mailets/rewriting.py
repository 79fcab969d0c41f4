"""RecipientRewriteTable: recipients become what the rewrite table says."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from compostela.base.concurrency import side_by_side
from compostela.base.declarations import Boolean, Text
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.delivery.headers import delivered_to
from compostela.core.idempotency import Effect
from compostela.core.mail import notification
from compostela.core.mail.attributes import FORWARDED, RECORDED_RECIPIENTS, SENT_BY_MAILET
from compostela.core.mail.hops import was_delivered_to
from compostela.core.mail.model import ERROR, ROOT, Mail
from compostela.core.queue.model import SPOOL
from compostela.core.rewriting.resolution import ONLY_REPORTS, MappingError, Resolution
from compostela.mime.headers import Headers, add_first
from compostela.model.mail_address import MailAddress
from compostela.processing.delivery_reports import EXPANDED, enqueue_report
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecipientRewriteTableSettings:
    """Parameters of `RecipientRewriteTable`."""

    error_processor: Annotated[str, Text("errorProcessor")] = ERROR
    """Processor for recipients with an error mapping or a loop."""
    rewrite_sender: Annotated[bool, Boolean("rewriteSenderUponForward")] = True
    """Whether a forward is sent in the recipient's name; else it keeps the sender."""
    forward_automatic: Annotated[bool, Boolean("forwardAutoSubmittedEmails")] = False
    """Whether automatic mail (Auto-Submitted) is forwarded."""


class RecipientRewriteTable(Mailet):
    """Mappings take the recipient's place; a forward is sent on as a new mail, in the recipient's name. An error mapping or
    a loop takes the recipient to the error processor.

    A forwarded mail gets a `Delivered-To` field of the recipient. A mail that has one already was forwarded for this
    recipient before: it is not forwarded again (5.4.6). The recipient's own copy is delivered all the same.

    With `srs` in recipientrewritetable.xml, a forward to another domain keeps its sender, rewritten, and reports to a rewritten sender go
    back to the real one. Mail to it that has a sender is no report: it goes to the error processor (5.7.1)."""

    parameters = RecipientRewriteTableSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        self._settings = read(RecipientRewriteTableSettings, settings)
        self.processors = (self._settings.error_processor,)

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        resolutions = await side_by_side(mail.recipients, lambda one: self._resolve(mail, one))
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
            if resolution.is_return:
                made.append(self._return(mail, recipient, resolution, run))
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

    async def _resolve(self, mail: Mail, recipient: MailAddress) -> Resolution | MappingError:
        try:
            found = await self.context.rewriting.resolve(recipient)
        except MappingError as error:
            return error
        return found if found.takes(mail.sender) else MappingError(f"550 5.7.1 {ONLY_REPORTS}")

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
        if automatic is not None and automatic.lower() != b"no" and not self._settings.forward_automatic:
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
        if self._settings.rewrite_sender and recipient not in resolution.targets:
            # a sender who asked for it is told that the mail came as far as this (RFC 3461 §5.2.7)
            await enqueue_report(mail, [recipient], EXPANDED, self.context, run)
        effect = run.effect("forward", recipient)
        copy = mail.copy(part_name(mail, effect), targets)
        copy.state = ROOT
        copy.content = mail.content.with_header(add_first(mail.content.header, delivered_to(recipient)))
        passed_on = await self._passed_on_sender(mail, targets)
        if passed_on is not None:
            copy.sender = passed_on
            notification.inherit(copy, recipient, targets)
            copy.attributes[SENT_BY_MAILET] = True
        elif self._settings.rewrite_sender:
            copy.sender = recipient if mail.sender is not None else None
            # reports of the copy go to the recipient, who asked for none
            notification.forget(copy)
            copy.attributes[FORWARDED] = True
            copy.attributes[SENT_BY_MAILET] = True
        else:
            notification.inherit(copy, recipient, targets)
        copy.attributes[RECORDED_RECIPIENTS] = [*sorted(seen), str(recipient).lower()]
        return [(copy, effect)]

    async def _passed_on_sender(self, mail: Mail, targets: Sequence[MailAddress]) -> MailAddress | None:
        """The sender by SRS; None if senders are not rewritten so, or if the mail stays here."""
        if self.context.rewriting.srs is None or mail.sender is None:
            return None
        if all([await self.context.domains.contains(target.domain) for target in targets]):
            return None
        found = await self.context.rewriting.passed_on_sender(mail.sender)
        return None if found == mail.sender else found

    def _return(
        self, mail: Mail, recipient: MailAddress, resolution: Resolution, run: PipelineRun
    ) -> tuple[Mail, Effect]:
        """A report on a mail that was passed on, for its real sender."""
        effect = run.effect("return", recipient)
        copy = mail.copy(part_name(mail, effect), resolution.forwards)
        copy.state = ROOT
        notification.inherit(copy, recipient, resolution.forwards)
        copy.attributes[SENT_BY_MAILET] = True
        return copy, effect

    def _to_error(self, mail: Mail, wrong: list[MailAddress], run: PipelineRun) -> tuple[Mail, Effect]:
        effect = run.effect("rewriting-error", *wrong)
        rest = mail.copy(part_name(mail, effect), wrong)
        rest.state = self._settings.error_processor
        return rest, effect


def _add(recipients: list[MailAddress], recipient: MailAddress) -> None:
    if recipient not in recipients:
        recipients.append(recipient)


class SRS(Mailet):
    """Rewrites the sender of mail that goes on to other domains, if it is none of ours (`srs` in recipientrewritetable.xml must be
    there). For the mails of aliases and groups, before `RemoteDelivery`; forwards are rewritten by `RecipientRewriteTable`."""

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        if context.rewriting.srs is None:
            settings.error("the mailet SRS needs <srs/> in recipientrewritetable.xml")

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        mail.sender = await self.context.rewriting.passed_on_sender(mail.sender)
