"""VacationMailet: automatic answers in the name of users who are away."""

import enum
import logging
from dataclasses import dataclass
from typing import Annotated

from compostela.base.declarations import Boolean, Choice
from compostela.base.declared import read
from compostela.base.settings import Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.core.queue.model import SPOOL
from compostela.core.vacation.model import Vacation
from compostela.mime.automatic import RECIPIENT_FIELDS, is_of_program, is_personal
from compostela.mime.builder import multipart, singlepart, standard_headers, text_part
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.delivery_reports import is_international, notice
from compostela.processing.mailet import Mailet, MailetContext
from compostela.processing.mailets.recipients import mailboxes
from compostela.processing.pipeline_run import PipelineRun

_log = logging.getLogger(__name__)

MAX_PERIOD_SECONDS = 366 * 86_400
"""A sender is answered again after this time if the vacation has no end before."""
MAX_REPEATED = 1000
"""Octets of the subject and of the Message-ID that an answer repeats."""


class ReplyMode(enum.Enum):
    """Where the answer goes."""

    REPLY_TO_HEADER = "replyToHeader"
    """To the first address of Reply-To, to the sender of the envelope if there is none."""
    ENVELOPE = "envelope"
    """To the sender of the envelope (RFC 3834 §4)."""


@dataclass(frozen=True, slots=True)
class VacationMailetSettings:
    """Parameters of `VacationMailet`."""

    is_from_user: Annotated[bool, Boolean("useUserAsMailFrom")] = False
    """Whether the sender of the answer is the user; else it is the null sender."""
    mode: Annotated[ReplyMode, Choice("replyMode", {mode.value: mode for mode in ReplyMode})] = (
        ReplyMode.REPLY_TO_HEADER
    )
    """Where the answer goes: to the first address of Reply-To, if there is one, or to the sender of the envelope."""


class VacationMailet(Mailet):
    """Answers mail to users whose vacation is active, each sender once until the vacation ends or is set anew. The mail goes on as it
    is. No answer goes to lists, reports, automatic mail, the null sender or the user himself, nor to mail that names none of the
    user's addresses (RFC 3834 §2). The answer has the null sender, with `useUserAsMailFrom` the user."""

    parameters = VacationMailetSettings

    def __init__(self, settings: Settings, context: MailetContext) -> None:
        super().__init__(settings, context)
        made = read(VacationMailetSettings, settings)
        self._is_from_user, self._mode = made.is_from_user, made.mode

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.sender is None or is_of_program(str(mail.sender)):
            return
        answered: set[Username] = set()
        for recipient in mail.recipients:
            user = await self.context.users.user_for(recipient)
            if user is None or user in answered:
                continue
            vacation = await self.context.vacations.get(user)
            if not vacation.is_active(self.context.clock.now()):
                continue
            if await self._answer(mail, mail.sender, recipient, user, vacation, run):
                answered.add(user)

    async def _answer(
        self,
        mail: Mail,
        sender: MailAddress,
        recipient: MailAddress,
        user: Username,
        vacation: Vacation,
        run: PipelineRun,
    ) -> bool:
        """Return False if the mail is not to be answered for this recipient."""
        own = {*await self.context.rewriting.addresses_of(user), recipient}
        header = Headers(mail.content.header)
        to = self._reply_address(header, sender)
        if sender in own or to in own or is_of_program(str(to)):
            return False
        if not (is_personal(mail.content.header) and _is_named(header, own)):
            return False
        now = self.context.clock.now()
        until = min(now + MAX_PERIOD_SECONDS, now + MAX_PERIOD_SECONDS if vacation.to_at is None else vacation.to_at)
        if not await self.context.vacations.claim(user, to, run.entry, now, until):
            return False
        effect = run.effect("vacation", recipient)
        answer = notice(mail, to, self._content(mail, header, to, recipient, vacation), now, effect)
        if self._is_from_user:
            answer.sender = recipient
        await self.context.queues.queue(SPOOL).enqueue(answer, effect=effect)
        _log.info("vacation answered", extra={"mail": mail.name, "user": str(user), "recipient": str(to)})
        return True

    def _reply_address(self, header: Headers, sender: MailAddress) -> MailAddress:
        value = header.get(b"Reply-To") if self._mode is ReplyMode.REPLY_TO_HEADER else None
        for found in mailboxes(value or b""):
            return found
        return sender

    def _content(
        self, mail: Mail, header: Headers, to: MailAddress, user: MailAddress, vacation: Vacation
    ) -> MessageContent:
        utf8 = is_international(mail)
        original = decode((header.get(b"Subject") or b"")[:MAX_REPEATED])
        subject = f"Re: {original}".strip() if vacation.subject is None else vacation.subject
        now = self.context.clock.now()
        headers = [
            *standard_headers(f"<{user}>", f"<{to}>", subject, self.context.hello_name, now),
            ("Auto-Submitted", "auto-replied"),
        ]
        message_id = header.get(b"Message-ID")
        if message_id is not None and len(message_id) <= MAX_REPEATED:
            text = message_id.decode("ascii", "replace")
            headers += [("In-Reply-To", text), ("References", text)]
        parts = []
        if vacation.text_body is not None or vacation.html_body is None:
            parts.append(text_part(vacation.text_body or ""))
        if vacation.html_body is not None:
            parts.append(text_part(vacation.html_body, "html"))
        if len(parts) == 1:
            block, body = singlepart(headers, parts[0], utf8=utf8)
        else:
            block, body = multipart(headers, "alternative", parts, utf8=utf8)
        return MessageContent(block, MemoryBody(body))


def _is_named(header: Headers, own: set[MailAddress]) -> bool:
    """Whether one of the user's addresses is a recipient of the message, with or without a detail (RFC 5233 §4)."""
    for name in RECIPIENT_FIELDS:
        for value in header.get_all(name):
            for address in mailboxes(value):
                base = MailAddress(address.local_part.partition("+")[0], address.domain)
                if address in own or base in own:
                    return True
    return False
