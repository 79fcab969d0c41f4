"""Carries out what a Sieve script wants. Each effect has a key, so a run that is cut off and done again has none twice."""

import contextlib
import datetime as dt
import logging

from compostela.base.errors import InvalidArgument, NotFound
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.delivery.headers import DELIVERED_TO, delivered_header, delivered_to
from compostela.core.idempotency import Effect
from compostela.core.mail.attributes import BINARY, REQUIRE_TLS, SENT_BY_MAILET, SMTP_UTF8
from compostela.core.mail.hops import was_delivered_to
from compostela.core.mail.model import ROOT, Mail
from compostela.core.mail.own import own_mail
from compostela.core.mailbox.special_uses import mailbox_of_use
from compostela.core.queue.model import SPOOL
from compostela.core.sieve.lists import normal_list_name
from compostela.mime.builder import singlepart, standard_headers, text_part
from compostela.mime.encoded_words import decode
from compostela.mime.headers import Headers, add_first, remove
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing import delivery_reports
from compostela.processing.delivery_reports import Attachment, ReportForm
from compostela.processing.mailet import MailetContext
from compostela.processing.pipeline_run import PipelineRun, part_name
from compostela.processing.sieve_host import mailbox_path, mark_of
from compostela.sieve.actions import (
    Action,
    CarbonCopy,
    Discard,
    EditedMessage,
    FileInto,
    Keep,
    Notify,
    Redirect,
    RedirectToList,
    Reject,
    Vacation,
    mailbox_of,
)
from compostela.sieve.mailto import parse_mailto
from compostela.sieve.replies import notification_message, vacation_message

_log = logging.getLogger(__name__)

VACATION = b"vacation:"
FAILURE = b"failure:"
VACATION_SECONDS = 7 * 86_400
"""Between two answers to one sender, if the script does not say (RFC 5230 §4.1)."""
FAILURE_SECONDS = 86_400
"""Between two mails to the owner about a failing script."""
SIEVE_NOTIFICATION = "SieveNotification"
"""Attribute of mails about failing scripts: no script runs for them (James's name)."""
REDIRECT = b"redirect:"
REDIRECT_SECONDS = 86_400
"""How long it is remembered that a mail was redirected for a user."""
REDIRECT_ORIGIN = "SieveRedirectOrigin"
"""Attribute of redirected mails: the name of the mail that they were made of."""
_CARRIED = (REQUIRE_TLS, SMTP_UTF8, BINARY)
_REJECTION = "The recipient's mail filter has rejected your message."


class Execution:
    """The actions of one script for one recipient of one mail."""

    def __init__(
        self, context: MailetContext, mail: Mail, recipient: MailAddress, user: Username, run: PipelineRun
    ) -> None:
        self._context = context
        self._mail = mail
        self._recipient = recipient
        self._user = user
        self._run = run

    async def carry_out(self, action: Action) -> bool:
        """Return True if the mail is left to the pipeline, which stores it in INBOX."""
        match action:
            case Keep(flags=None, message=None):
                return True
            case Keep() | FileInto():
                name = await self._target(
                    mailbox_of(action), action.special_use if isinstance(action, FileInto) else None
                )
                await self._store(name, self._content(action.message), action.flags)
            case Redirect():
                return await self._redirect(action.address, [MailAddress.parse(action.address)], action.message)
            case RedirectToList():
                members = await self._members(action.list_name)
                return not members or await self._redirect(f"list {action.list_name}", members, action.message)
            case Reject():
                return await self._reject(action)
            case Vacation():
                await self._answer(action)
            case Notify():
                await self._notify(action)
            case Discard():
                _log.info("mail discarded by a script", extra=self._fields())
        return False

    async def tell_owner(self, reason: str) -> None:
        """A mail about a failing script, at most one a day."""
        now = self._context.clock.now()
        if not await self._context.sieve.marks.mark(self._user, FAILURE, self._run.entry, now, now + FAILURE_SECONDS):
            return
        subject = decode(Headers(self._mail.content.header).get(b"Subject") or b"")
        headers = standard_headers(
            f"<{self._context.postmaster}>",
            f"<{self._recipient}>",
            "Your mail filter failed",
            self._context.hello_name,
            now,
        )
        text = (
            f"Your active Sieve script failed, so this mail was put into your INBOX:\r\n\r\n  {subject}\r\n\r\n"
            f"The failure: {reason}\r\n\r\nThe next mail about a failure comes after a day at the earliest.\r\n"
        )
        header, body = singlepart([*headers, ("Auto-Submitted", "auto-generated")], text_part(text))
        await self._send(
            [self._recipient],
            header,
            body,
            self._run.effect("sieve/failure", self._recipient),
            {SIEVE_NOTIFICATION: True},
        )

    def _content(self, edited: EditedMessage | None) -> MessageContent:
        """The message as it is stored or sent on, without Return-Path."""
        content = self._mail.content
        if edited is not None:
            content = MessageContent(edited.header, MemoryBody(edited.body))
        return content.with_header(remove(content.header, [b"return-path"]))

    async def _store(self, name: str, content: MessageContent, flags: Flags | None) -> None:
        own = [
            *self._mail.per_recipient_headers.get(self._recipient, ()),
            (DELIVERED_TO, str(self._recipient)),
        ]
        header = delivered_header(content.header, self._mail.sender, own)
        await self._append(name, content.with_header(header), flags)

    async def _append(self, name: str, content: MessageContent, flags: Flags | None) -> None:
        path = mailbox_path(self._user, name)
        effect = self._run.effect(f"sieve/{path.name}", self._recipient)
        await self._context.mailboxes.deliver_to(path, content, flags or NO_FLAGS, effect)
        _log.info("mail stored by a script", extra={**self._fields(), "mailbox": path.name})

    async def _target(self, name: str, special_use: str | None) -> str:
        """The mailbox with the special use if it is there, else the named one (RFC 8579 §4)."""
        special = None if special_use is None else mailbox_of_use(special_use)
        if special is None:
            return name
        try:
            await self._context.mailboxes.find(mailbox_path(self._user, special))
        except NotFound:
            return name
        return special

    async def _members(self, list_name: str) -> list[MailAddress]:
        """The members of an external list that are addresses; none if it has too many."""
        name, lists = normal_list_name(list_name), self._context.sieve.lists
        try:
            members = await lists.members(await lists.seen_by(self._user, name), name) or []
        except NotFound:
            members = []  # the list was deleted since the script ran, or is an address book without entries
        most = self._context.sieve.settings.list_recipients
        if len(members) > most:
            _log.warning("a script redirects to more than %d members of a list", most, extra=self._fields())
            return []
        found = []
        for member in members:
            with contextlib.suppress(InvalidArgument):
                found.append(MailAddress.parse(member))
        if not found:
            _log.warning("a script redirects to a list without addresses", extra=self._fields())
        return found

    async def _redirect(self, target: str, to: list[MailAddress], message: EditedMessage | None) -> bool:
        content = self._content(message)
        if was_delivered_to(self._mail.content.header, self._recipient):
            _log.warning("a redirected mail came back: it is kept", extra=self._fields())
            return True
        effect = self._run.effect(f"sieve/redirect/{target.lower()}", self._recipient)
        origin = str(self._mail.attributes.get(REDIRECT_ORIGIN, self._mail.name))
        key, now, marks = mark_of(REDIRECT, origin), self._context.clock.now(), self._context.sieve.marks
        if not await marks.mark(self._user, key, self._run.entry, now, now + REDIRECT_SECONDS):
            # scripts that send a mail to each other in many ways would make more and more of it
            _log.warning("a mail was redirected for this user before: it is kept", extra=self._fields())
            return True
        made = self._mail.copy(part_name(self._mail, effect), to)
        made.content = content.with_header(add_first(content.header, delivered_to(self._recipient)))
        made.state = ROOT
        made.attributes = {SENT_BY_MAILET: True, REDIRECT_ORIGIN: origin, **self._carried()}
        made.per_recipient_headers = {}
        await self._context.queues.queue(SPOOL).enqueue(made, effect=effect)
        _log.info("mail redirected by a script", extra={**self._fields(), "to": target})
        return False

    async def _reject(self, action: Reject) -> bool:
        sender = self._mail.sender
        if sender is None:
            return True  # no report about a report (RFC 5429 §2.1.1): somebody should see the mail
        about = self._mail.copy(self._mail.name, [self._recipient])
        about.error_message = f"550 5.7.1 {' '.join(action.reason.split())}"
        text = f"{_REJECTION}\r\n\r\n{action.reason}\r\n"
        form = ReportForm(
            delivery_reports.FAILED, self._context.postmaster, "Rejected:", text, Attachment.HEADS, "5.7.1"
        )
        now = self._context.clock.now()
        content = await delivery_reports.report(about, sender, form, self._context.hello_name, now)
        effect = self._run.effect("sieve/reject", self._recipient)
        made = delivery_reports.notice(about, sender, content, now, effect)
        await self._context.queues.queue(SPOOL).enqueue(made, effect=effect)
        _log.info("mail rejected by a script", extra=self._fields())
        return False

    async def _answer(self, action: Vacation) -> None:
        now = self._context.clock.now()
        seconds = VACATION_SECONDS if action.seconds is None else action.seconds
        key = mark_of(VACATION, action.handle, action.recipient.lower())
        if not await self._context.sieve.marks.mark(self._user, key, self._run.entry, now, now + seconds):
            return
        header, body = vacation_message(action, str(self._recipient), dt.datetime.fromtimestamp(now, dt.UTC))
        # by the user: a mail to two of his addresses has one answer
        effect = self._run.effect(f"sieve/vacation/{self._user}")
        await self._send([MailAddress.parse(action.recipient)], header, body, effect)
        await self._file_copy(action.copy, header, body)

    async def _notify(self, action: Notify) -> None:
        headers = Headers(self._mail.content.header)
        if (headers.get(b"Auto-Submitted") or b"").lower().startswith(b"auto-notified"):
            return  # RFC 5436 §2.7.1: no notification about a notification
        try:
            recipients = [MailAddress.parse(one) for one in parse_mailto(action.method).to]
        except InvalidArgument as error:
            _log.warning("a script's notification can't be sent: %s", error, extra=self._fields())
            return
        now = dt.datetime.fromtimestamp(self._context.clock.now(), dt.UTC)
        subject = decode(headers.get(b"Subject") or b"")
        header, body = notification_message(action, str(self._recipient), subject, now)
        await self._send(recipients, header, body, self._run.effect("sieve/notify", self._recipient))
        await self._file_copy(action.copy, header, body)

    async def _file_copy(self, copy: CarbonCopy | None, header: bytes, body: bytes) -> None:
        if copy is not None:
            name = await self._target(copy.mailbox, copy.special_use)
            await self._append(name, MessageContent(header, MemoryBody(body)), copy.flags)

    async def _send(
        self,
        to: list[MailAddress],
        header: bytes,
        body: bytes,
        effect: Effect,
        attributes: dict[str, bool] | None = None,
    ) -> None:
        """From the null sender, so that nothing answers it."""
        now = self._context.clock.now()
        made = own_mail(part_name(self._mail, effect), None, to, MessageContent(header, MemoryBody(body)), now)
        made.attributes.update(attributes or {})
        made.trace_id = self._mail.trace_id
        await self._context.queues.queue(SPOOL).enqueue(made, effect=effect)

    def _carried(self) -> dict[str, bool]:
        return {name: True for name in _CARRIED if self._mail.attributes.get(name)}

    def _fields(self) -> dict[str, str]:
        return {"mail": self._mail.name, "recipient": str(self._recipient)}
