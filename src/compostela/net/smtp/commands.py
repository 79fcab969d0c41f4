"""The commands of an SMTP session: what each does and answers."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVarTuple

from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import MessageContent
from compostela.core.mail import attributes
from compostela.core.mail.model import Mail
from compostela.core.queue.model import NORMAL_PRIORITY
from compostela.core.smtp_hooks.hooks import DECLINED, HookCode, HookResult, defer
from compostela.core.smtp_hooks.session import HOLD_UNTIL, SmtpSession
from compostela.mime.headers import add_first
from compostela.mime.xtext import is_xtext
from compostela.model.mail_address import MailAddress
from compostela.net.incoming_message import IncomingMessage
from compostela.net.smtp.received import received_line
from compostela.net.smtp.server import SmtpServer
from compostela.protocols.smtp import grammar, replies
from compostela.protocols.smtp.replies import Reply, multiline, reply
from compostela.protocols.smtp.state import SMTP, State, refusal

Asked = TypeVarTuple("Asked")

_log = logging.getLogger(__name__)

MAIL_ATTRIBUTE = "mail:"
_MAIL_PARAMETERS = frozenset({"SIZE", "BODY", "AUTH"})
_NO_ROOM = defer(452, "4.3.1", "Insufficient system storage")
_FAILED_FOR_NOW = defer(451, "4.3.0", "Unable to process request")
_BODIES = frozenset({"7BIT", "8BITMIME", "BINARYMIME"})
_REFUSALS = (HookCode.DENY, HookCode.DENYSOFT)


class Commands:
    """State and answers of one session; it writes nothing and reads nothing itself."""

    refusals = SMTP
    """What is refused in which state."""

    def __init__(self, server: SmtpServer, session: SmtpSession) -> None:
        self.server = server
        self.session = session
        self.disconnect = False
        """Set when the connection is to be closed after the reply."""

    def refusal(self, verb: str) -> Reply | None:
        """Return the answer to a command that is not allowed now, None if it is allowed."""
        session = self.session
        if session.sender_given:
            state = State.RECIPIENTS if session.recipients else State.SENDER
        elif session.helo is None and self.server.settings.helo_enforced:
            state = State.START
        else:
            state = State.GREETED
        return refusal(self.refusals, verb, state)

    # greeting

    async def greet(self) -> Reply:
        result = await _ask(self.server.hooks.on_connect, self.session)
        if result.code in _REFUSALS:
            self.disconnect = True
            return self._refusal(result)
        text = (
            self.server.settings.greeting
            or f"{self.session.hello_name} {self.session.protocol} Server (Compostela) ready"
        )
        return reply(220, "", text)

    async def helo(self, verb: str, argument: bytes) -> Reply:
        """HELO, EHLO and LMTP's LHLO, which is EHLO by another name."""
        extended = verb != "HELO"
        if not argument:
            return reply(501, "5.5.4", f"Domain address required: {verb}")
        name = argument.decode("utf-8", "replace")
        if not grammar.is_helo_name(name, lenient=extended):
            return reply(501, "5.5.2", "Invalid domain name")
        self.session.reset()
        result = await _ask(self.server.hooks.on_helo, self.session, name)
        if result.code in _REFUSALS:
            return self._refusal(result)
        self.session.helo, self.session.is_esmtp = name, extended
        first = f"{self.session.hello_name} Hello {name} [{self.session.remote_address}]"
        if not extended:
            return reply(250, "", first)
        hidden = self.server.settings.disabled_features
        return multiline(250, [first, *(line for line in self._features() if line.split()[0].upper() not in hidden)])

    def _features(self) -> Iterable[str]:
        for lines in self.server.hooks.ehlo_lines:
            yield from lines(self.session)
        mechanisms = " ".join(self.server.mechanisms(self.session))
        if self.session.auth_announced and mechanisms:
            yield f"AUTH {mechanisms}"
            yield f"AUTH={mechanisms}"
        yield from ("PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "BINARYMIME", "CHUNKING", self.server.limits)
        for features in self.server.hooks.helo_features:
            yield from features(self.session)
        if self.server.settings.max_message_bytes:
            yield f"SIZE {self.server.settings.max_message_bytes}"
        if self.server.settings.server.tls.starttls and not self.session.is_tls:
            yield "STARTTLS"

    # transaction

    async def mail(self, argument: bytes) -> Reply:
        settings, hooks, session = self.server.settings, self.server.hooks, self.session
        refused = self.refusal("MAIL")
        if refused is not None:
            return refused
        if 0 < settings.max_mails <= session.transactions:
            return replies.TOO_MANY_MAILS
        try:
            sender, parameters = grammar.parse_mail(argument, self.server.default_domain, settings.brackets_enforced)
        except grammar.MissingKeyword:
            return replies.MAIL_USAGE
        except grammar.MissingBrackets:
            return replies.MAIL_SYNTAX
        except grammar.BadPath:
            return replies.SENDER_SYNTAX
        except grammar.BadParameter:
            return replies.PARAMETER_SYNTAX
        wrong = self._check_mail_parameters(parameters) if parameters else None
        if wrong is not None:
            return wrong
        if "SMTPUTF8" not in parameters and not argument.isascii():
            return replies.SENDER_NEEDS_UTF8
        try:
            size = parameters.get("SIZE")
            self.server.blobs.check_room(int(size) if size else 0)
        except StorageFull:
            return replies.STORAGE_FULL
        session.mail_parameters = parameters
        result = await (
            self._ask_about_mail(sender, parameters) if parameters else _ask(hooks.on_mail, session, sender)
        )
        if result.code in _REFUSALS:
            session.reset()
            return self._refusal(result)
        session.sender_given, session.sender = True, sender
        session.transactions += 1
        shown = f"<{sender}>" if sender is not None else "<>"
        return reply(250, "2.1.0", f"Sender {shown} OK")

    async def _ask_about_mail(self, sender: MailAddress | None, parameters: dict[str, str | None]) -> HookResult:
        hooks = self.server.hooks
        if hooks.mail_parameters:
            for name, value in parameters.items():
                roles = hooks.mail_parameters.get(name, ())
                result = await _ask(roles, self.session, name, value)
                if result.code in _REFUSALS:
                    return result
        return await _ask(hooks.on_mail, self.session, sender)

    def _check_mail_parameters(self, parameters: dict[str, str | None]) -> Reply | None:
        for name, value in parameters.items():
            if name not in _MAIL_PARAMETERS and name not in self.server.hooks.mail_parameters:
                return replies.unknown_parameter(name)
            if name == "BODY" and (value or "").upper() not in _BODIES:
                return replies.BODY_SYNTAX
            if name == "AUTH" and not _is_submitter(value):
                return replies.AUTH_SYNTAX
            if name == "SIZE":
                if value is None or not value.isascii() or not value.isdigit() or len(value) > 20:
                    return replies.SIZE_SYNTAX
                if 0 < self.server.settings.max_message_bytes < int(value):
                    return replies.SIZE_TOO_LARGE
        return None

    async def rcpt(self, argument: bytes) -> Reply:
        settings, hooks, session = self.server.settings, self.server.hooks, self.session
        refused = self.refusal("RCPT")
        if refused is not None:
            return refused
        if len(session.recipients) >= settings.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        try:
            recipient, parameters = grammar.parse_rcpt(argument, self.server.default_domain, settings.brackets_enforced)
        except grammar.MissingKeyword:
            return replies.RCPT_USAGE
        except grammar.MissingBrackets:
            return replies.RCPT_SYNTAX
        except grammar.BadPath:
            return replies.RECIPIENT_SYNTAX
        except grammar.BadParameter:
            return replies.PARAMETER_SYNTAX
        for name in parameters:
            if name not in hooks.rcpt_parameters:
                return replies.unknown_parameter(name)
        if not argument.isascii() and not session.is_utf8:
            return replies.RECIPIENT_NEEDS_UTF8
        if parameters:
            session.rcpt_parameters = parameters
            result = await self._ask_about_rcpt(recipient, parameters)
            session.rcpt_parameters = {}
        else:
            result = await _ask(hooks.on_rcpt, session, session.sender, recipient)
        if result.code in _REFUSALS:
            _log.info(
                "recipient refused",
                extra={"recipient": str(recipient), "ip": session.remote_address, "reply": result.text},
            )
            return self._refusal(result)
        session.recipients.append(recipient)
        if parameters:
            session.recipient_parameters[recipient] = parameters
        return reply(250, "2.1.5", f"Recipient <{recipient}> OK")

    async def _ask_about_rcpt(self, recipient: MailAddress, parameters: dict[str, str | None]) -> HookResult:
        hooks, session = self.server.hooks, self.session
        for name, value in parameters.items():
            result = await _ask(hooks.rcpt_parameters[name], session, recipient, name, value)
            if result.code in _REFUSALS:
                return result
        return await _ask(hooks.on_rcpt, session, session.sender, recipient)

    def check_data(self, argument: bytes) -> Reply | None:
        """Why DATA is not possible now, None when it is."""
        if argument:
            return replies.DATA_ARGUMENT
        return self.refusal("DATA") or (replies.BINARY_NEEDS_CHUNKS if self.session.is_binary else None)

    async def accept(self, message: IncomingMessage) -> Reply:
        """The reply after the final dot: 250 means that the mail is durable."""
        received = await self.receive(message)
        if isinstance(received, Reply):
            return received
        try:
            priority = received.attributes.get(attributes.MAIL_PRIORITY)
            await self.server.queue.enqueue(
                received,
                delay_seconds=self._hold_seconds(),
                priority=priority if isinstance(priority, int) else NORMAL_PRIORITY,
            )
        except StorageFull:
            return replies.STORAGE_FULL
        except TemporaryFailure as failure:
            _log.error("a mail could not be enqueued", extra={"error": str(failure)})
            return replies.NOT_ENQUEUED
        self.note_accepted(received)
        return replies.MESSAGE_RECEIVED

    def _hold_seconds(self) -> float:
        """How long the mail is to be kept back (RFC 4865)."""
        until = self.session.attributes.get(HOLD_UNTIL)
        return until - self.server.clock.now() if isinstance(until, float) else 0.0

    def final(self, answer: Reply) -> Reply:
        """An answer to the whole message, as this protocol gives it."""
        return answer

    async def receive(self, message: IncomingMessage) -> Mail | Reply:
        """The mail that the session brought, or why it is refused."""
        if message.too_large:
            return replies.MESSAGE_TOO_LARGE
        if message.header_too_large:
            return replies.HEADER_TOO_LARGE
        if message.storage_full:
            return replies.STORAGE_FULL
        try:
            content = await message.finish()
            now = self.server.clock.now()
            mail = self._mail(now, content)
            result = await _decision(self.server.hooks.on_message, self.session, mail)
            if result.code in _REFUSALS:
                return self._refusal(result)
        except StorageFull:
            return replies.STORAGE_FULL
        except TemporaryFailure as failure:
            _log.error("a mail could not be received", extra={"error": str(failure)})
            return replies.NOT_ENQUEUED
        return mail

    def note_accepted(self, mail: Mail) -> None:
        if _log.isEnabledFor(logging.INFO):
            _log.info(
                "mail accepted",
                extra={
                    "mail": mail.name,
                    "sender": str(mail.sender or ""),
                    "recipients": len(mail.recipients),
                    "size": mail.size,
                    "ip": self.session.remote_address,
                },
            )

    def _mail(self, now: float, content: MessageContent) -> Mail:
        session = self.session
        found: dict[str, attributes.AttributeValue] = {
            name.removeprefix(MAIL_ATTRIBUTE): value
            for name, value in session.attributes.items()
            if name.startswith(MAIL_ATTRIBUTE)
        }
        found[attributes.SMTP_SESSION_ID] = session.id
        found[attributes.HELO] = session.helo
        if session.is_tls:
            found[attributes.SSL_PROTOCOL] = session.tls_protocol
            found[attributes.SSL_CIPHER] = session.tls_cipher
        if session.user is not None:
            found[attributes.SMTP_AUTH_USER] = session.user.value
        elif session.is_authorized_network:
            found[attributes.SMTP_IS_AUTH_NETWORK] = True
        if session.is_binary:
            found[attributes.BINARY] = True
        return Mail(
            name=f"Mail{int(now * 1000)}-{new_id()}",
            sender=session.sender,
            recipients=list(dict.fromkeys(session.recipients)),
            content=content.with_header(add_first(content.header, received_line(session, now))),
            remote_host=session.remote_host,
            remote_address=session.remote_address,
            arrived_at=now,
            last_updated_at=now,
            attributes=found,
            trace_id=session.id,
        )

    async def unknown(self, verb: bytes) -> Reply:
        shown = replies.shown(verb)
        result = await _ask(self.server.hooks.on_unknown, self.session, shown)
        if result.code is HookCode.DECLINED:
            return replies.unrecognized(verb)
        return self._refusal(result)

    def _refusal(self, result: HookResult) -> Reply:
        self.disconnect |= result.disconnect
        text = replies.one_line(result.text)
        if result.code is HookCode.DENY:
            return reply(result.reply_code or 554, result.enhanced, text or "Email rejected")
        return reply(result.reply_code or 451, result.enhanced, text or "Temporary problem. Please try again later")


def _is_submitter(value: str | None) -> bool:
    """AUTH at MAIL (RFC 4954 §5): `<>` or an address in xtext. It is not believed."""
    return value == "<>" or (value is not None and is_xtext(value))


async def _ask(hooks: Iterable[Callable[[*Asked], Awaitable[HookResult]]], *asked: *Asked) -> HookResult:
    """A hook that fails for now defers, and the session goes on: the client may try again."""
    try:
        return await _decision(hooks, *asked)
    except StorageFull:
        return _NO_ROOM
    except TemporaryFailure as failure:
        _log.error("an SMTP hook failed for now", extra={"error": str(failure)})
        return _FAILED_FOR_NOW


async def _decision(hooks: Iterable[Callable[[*Asked], Awaitable[HookResult]]], *asked: *Asked) -> HookResult:
    """Raises what a hook raises."""
    for hook in hooks:
        result = await hook(*asked)
        # most hooks give the constant; it is the quicker comparison
        if result is not DECLINED and result.code is not HookCode.DECLINED:
            return result
    return DECLINED
