"""What the SMTP client says to one next hop: greeting, TLS and login, then one mail after another."""

import base64
import logging
import ssl
from typing import NoReturn

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.own_endpoints import OwnEndpoints, leads_back
from compostela.core.outbound.ports import Refusal, SendOptions, SendResult, Wishes
from compostela.core.outbound.tls import Demand, TlsFailure, TlsFailureType, TlsPolicy
from compostela.mime.conversion import CannotConvert
from compostela.mime.headers import Headers
from compostela.mime.lines import with_crlf
from compostela.model.mail_address import MailAddress
from compostela.net.outbound.connection import ConnectionFailed, NextHopConnection
from compostela.net.outbound.content import WRITE_BYTES, body_chunks, fitting, message_lines, shape_of, small_body
from compostela.net.outbound.envelope import Parcel, mail_line, needs_utf8, rcpt_line
from compostela.net.outbound.reply import refusal_of
from compostela.net.outbound.tls import PolicyNotMet, check_dane, context_for, failure_of
from compostela.protocols.smtp.client_reply import Reply

_log = logging.getLogger(__name__)

DATA_SECONDS = 600.0
"""For the reply to a message or a chunk (RFC 5321 §4.5.3.2.6)."""
QUIT_SECONDS = 5.0
_NO_REQUIRETLS = Refusal.own(550, "5.7.30", "REQUIRETLS support required: the next hop has none", is_of_host=True)
_NO_BINARY = Refusal.own(554, "5.6.3", "the next hop does not take binary content", is_of_host=True)
_NO_EIGHT_BIT = "the next hop takes 7 bit only, which the content cannot be made"
_NO_UTF8 = Refusal.own(553, "5.6.7", "the next hop does not take internationalised mail", is_of_host=True)
_NUL = Refusal.own(554, "5.6.0", "the message holds NUL octets, which servers might drop")


class NoTls(Exception):
    """The handshake failed, and TLS is not required."""

    def __init__(self, failure: TlsFailure) -> None:
        super().__init__(failure.text)
        self.failure = failure


class Refused(Exception):
    """The next hop, or this server for it, does not take the mail."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class Conversation:
    """One connection and what is said over it. Raises `Refused`, and whatever `NextHopConnection` raises."""

    def __init__(
        self,
        connection: NextHopConnection,
        options: SendOptions,
        wishes: Wishes,
        name: str,
        own: OwnEndpoints,
        policy: TlsPolicy,
        anchor: bytes | None,
    ) -> None:
        """`anchor` is the authority of the policy's TLSA records, once it is known."""
        self._connection = connection
        self._engine = connection.engine
        self._options = options
        self._wishes = wishes
        self._name = name
        self._own = own
        self._policy = policy
        self._anchor = anchor
        self.is_tls = False
        self._has_taken_mail = False
        self.has_begun_message = False
        """DATA or BDAT was said for the mail at hand: what becomes of it may be unknown."""

    def go_on(self, wishes: Wishes) -> None:
        """Another mail over the same connection."""
        self._wishes = wishes
        self.has_begun_message = False

    async def begin(self) -> None:
        """Greets, upgrades to TLS and logs in, as far as the options and the peer want it."""
        peer = self._connection.peer
        if peer is not None and self._own.has_address(*peer):
            raise Refused(leads_back(self._connection.name))
        required = self._wishes.require_tls is True
        if self._options.implicit_tls:
            await self._shake_hands(required)
        greeting = await self._connection.reply()
        self._expect(greeting, is_of_host=True)
        self._check_name(greeting)
        await self._hello()
        demanded = self._policy.is_mandatory
        may_upgrade = required or demanded or self._options.use_starttls
        if may_upgrade and not self.is_tls and "STARTTLS" in self._engine.capabilities:
            await self._upgrade(required)
        if demanded and not self.is_tls:
            text = f"{self._name} offers no TLS, which the policy of {self._policy.domain} demands"
            raise PolicyNotMet(TlsFailure(TlsFailureType.STARTTLS_NOT_SUPPORTED, text))
        if required and not (self.is_tls and "REQUIRETLS" in self._engine.capabilities):
            # an attacker on the way can offer REQUIRETLS in the clear and refuse STARTTLS
            raise Refused(_NO_REQUIRETLS)
        if self._options.user is not None:
            if self._options.use_starttls and not self.is_tls:
                # a middlebox can take STARTTLS out of the answer; another try may reach the real host
                raise ConnectionFailed("TLS is not offered, so the password is not sent; startTLS 'false' allows it")
            await self._log_in()

    async def transact(
        self, sender: MailAddress | None, recipients: list[MailAddress], content: MessageContent, result: SendResult
    ) -> list[MailAddress]:
        """Sends the mail as often as the peer's limits ask for (RFC 9422, RFC 5321 §4.5.3.1.10). Gives the recipients for whom
        there must be another connection."""
        if "SMTPUTF8" not in self._engine.capabilities:
            international = [one for one in recipients if not one.is_ascii]
            result.refused.update(dict.fromkeys(international, _NO_UTF8))
            recipients = [one for one in recipients if one.is_ascii]
        parcel = await self._pack(sender, recipients, content)
        at_once = self._engine.capabilities.limit("RCPTMAX") or len(recipients)
        mails = self._engine.capabilities.limit("MAILMAX") or len(recipients)
        left = recipients
        while left and mails:
            batch, left = left[:at_once], left[at_once:]
            accepted, surplus = await self._transaction(parcel, batch, content, result)
            mails -= 1
            if surplus:
                at_once, left = accepted, surplus + left
        return left

    async def _pack(self, sender: MailAddress | None, recipients: list[MailAddress], content: MessageContent) -> Parcel:
        """The mail in a form that the peer takes."""
        small = await small_body(content)
        shape = await shape_of(content, small)
        binary = self._wishes.binary and (shape.has_nul or shape.has_bare_line_ends)
        if binary and not ("BINARYMIME" in self._engine.capabilities and "CHUNKING" in self._engine.capabilities):
            raise Refused(_NO_BINARY)
        if shape.has_nul and not binary:
            raise Refused(_NUL)
        utf8 = needs_utf8(sender, recipients, content, self._wishes)
        if utf8 and "SMTPUTF8" not in self._engine.capabilities:
            raise Refused(_NO_UTF8)
        body, eight_bit = "", "8BITMIME" in self._engine.capabilities
        header, converted = content.header, None
        if binary:
            body = "BINARYMIME"
        elif eight_bit and not shape.is_ascii:
            body = "8BITMIME"
        must_convert = not (eight_bit or shape.body_is_ascii)
        # most servers take long lines, and what is signed (RFC 6376) is worth more as it is
        may_convert = shape.has_long_lines and b"DKIM-Signature" not in Headers(content.header)
        if not binary and (must_convert or may_convert):
            try:
                header, converted = await fitting(content, eight_bit=eight_bit)
            except CannotConvert as why:
                if must_convert:
                    raise Refused(Refusal.own(554, "5.6.3", f"{_NO_EIGHT_BIT}: {why}", is_of_host=True)) from why
        size = content.size if converted is None else len(header) + len(converted)
        limit = self._engine.capabilities.size_limit
        if limit is not None and size > limit:
            text = f"the message has {size} octets, and the next hop takes at most {limit}"
            raise Refused(Refusal.own(552, "5.3.4", text, is_of_host=True))
        mail = mail_line(sender, size, body, self._engine.capabilities, self._wishes, utf8=utf8)
        lines = None
        if small is not None and converted is None and not binary:
            lines = with_crlf(small) if shape.has_bare_line_ends else small
        return Parcel(mail, header, converted, lines, binary)

    async def _transaction(
        self, parcel: Parcel, recipients: list[MailAddress], content: MessageContent, result: SendResult
    ) -> tuple[int, list[MailAddress]]:
        """Send one mail. Return how many recipients it has reached, and the recipients beyond the next hop's limit."""
        lines = [
            parcel.mail,
            *(rcpt_line(recipient, self._engine.capabilities, self._wishes) for recipient in recipients),
        ]
        # RFC 2920 §3.1: DATA may end a group. A next hop that has taken no mail yet may well refuse all recipients, so it is asked first
        is_one_group = self._has_taken_mail and not parcel.is_binary and "PIPELINING" in self._engine.capabilities
        if is_one_group:
            lines.append("DATA")
        accepted, surplus = await self._envelope(lines, recipients, result, data_follows=is_one_group)
        if not accepted:
            await self._connection.command("RSET")
            return 0, []
        if parcel.is_binary:
            self.has_begun_message = True
            reply = await self._chunks(parcel.header, content)
        else:
            go_ahead = await (self._connection.reply() if is_one_group else self._connection.command("DATA"))
            if not go_ahead.is_go_ahead:
                raise Refused(refusal_of(go_ahead))
            self.has_begun_message = True
            if parcel.lines is not None:
                self._small_message(parcel.header, parcel.lines)
            else:
                await self._message(parcel.header, content, parcel.converted)
            reply = await self._connection.reply(DATA_SECONDS)
        self._expect(reply)
        self._has_taken_mail = True
        result.delivered += accepted
        for recipient in accepted:
            # a connection that broke before may have refused them
            result.refused.pop(recipient, None)
        if "DSN" in self._engine.capabilities:
            result.passed_on.update(accepted)
        return len(accepted), surplus

    async def _envelope(
        self, lines: list[str], recipients: list[MailAddress], result: SendResult, *, data_follows: bool
    ) -> tuple[list[MailAddress], list[MailAddress]]:
        """Send MAIL and RCPT. Return the accepted recipients, and those beyond the next hop's limit. With `data_follows` the lines end
        with DATA; its reply is left to be read if any recipient is accepted."""
        for line in lines:
            self._engine.say(line)
        answer = await self._connection.reply()
        refused = None if answer.is_positive else refusal_of(answer)
        if refused is not None and self._engine.withdraw():
            raise Refused(refused)
        accepted: list[MailAddress] = []
        surplus: list[MailAddress] = []
        for recipient in recipients:
            answer = await self._connection.reply()
            if answer.is_positive:
                accepted.append(recipient)
            elif accepted and answer.is_of_too_many:
                surplus.append(recipient)
            elif refused is None:
                result.refused[recipient] = refusal_of(answer)
        if data_follows and (refused is not None or not accepted):
            await self._end_without_message()
        if refused is not None:
            # the recipients went out together with MAIL: their replies had to be read
            raise Refused(refused)
        return accepted, surplus

    async def _end_without_message(self) -> None:
        """DATA is answered although no recipient is accepted. A peer that says to go on gets the final dot alone, which it is to refuse
        (RFC 2920 §3.1)."""
        if (await self._connection.reply()).is_go_ahead:
            self._connection.write(self._engine.end_of_message())
            await self._connection.reply(DATA_SECONDS)

    def _small_message(self, header: bytes, body: bytes) -> None:
        """Both at once; the lines of the body end with CRLF."""
        engine = self._engine
        first, second = engine.message_lines(with_crlf(header)), engine.message_lines(body)
        self._connection.write(b"".join((first, second, engine.end_of_message())))

    async def _message(self, header: bytes, content: MessageContent, converted: bytes | None) -> None:
        gathered: list[bytes] = []
        size = 0
        async for chunk in message_lines(header, content, converted):
            gathered.append(self._engine.message_lines(chunk))
            size += len(chunk)
            if size >= WRITE_BYTES:
                self._connection.write(b"".join(gathered))
                await self._connection.drain()
                gathered, size = [], 0
        gathered.append(self._engine.end_of_message())
        self._connection.write(b"".join(gathered))

    async def _chunks(self, header: bytes, content: MessageContent) -> Reply:
        """The message with BDAT (RFC 3030): its body octet for octet, its header as lines."""
        reply = await self._chunk(with_crlf(header))
        async for chunk in body_chunks(content):
            if not reply.is_positive:
                return reply
            if chunk:
                reply = await self._chunk(chunk)
        return await self._connection.command("BDAT 0 LAST", DATA_SECONDS) if reply.is_positive else reply

    async def _chunk(self, octets: bytes) -> Reply:
        return await self._connection.command(f"BDAT {len(octets)}", DATA_SECONDS, octets)

    async def quit(self) -> None:
        """Says good-bye; the mail is taken already, whatever comes now."""
        try:
            await self._connection.quit()
        except (ConnectionFailed, OSError):
            _log.debug("the next hop did not say good-bye")

    async def close(self) -> None:
        await self._connection.close()

    async def _hello(self) -> None:
        reply = await self._connection.command(f"EHLO {self._options.hello_name}")
        if not reply.is_positive:
            reply = await self._connection.command(f"HELO {self._options.hello_name}")
            self._expect(reply, is_of_host=True)
        self._check_name(reply)

    def _check_name(self, reply: Reply) -> None:
        """The peer's name comes first in its greeting and in its answer to EHLO and HELO (RFC 5321 §4.2, §4.1.1.1)."""
        name = reply.lines[0].partition(" ")[0]
        if self._own.has_name(name):
            raise Refused(leads_back(f"{self._connection.name} ({name})"))

    async def _upgrade(self, required: bool) -> None:
        go_ahead = await self._connection.command("STARTTLS")
        if not go_ahead.is_positive:
            if self._options.user is not None:
                # an attacker on the way must not get the password by such an answer
                raise ConnectionFailed(f"TLS was offered and is refused: {refusal_of(go_ahead).text}")
            return
        await self._connection.begin_tls()
        await self._shake_hands(required)
        await self._hello()

    async def _shake_hands(self, required: bool) -> None:
        verify = required or (self._options.verify_certificate and self._wishes.require_tls is not False)
        context = context_for(self._policy, self._anchor, verify=verify)
        try:
            tls = await self._connection.shake_hands(context, self._tls_name, self._options.connect_seconds)
        except (ConnectionFailed, OSError) as error:
            self._handshake_failed(error, required=required, verify=verify)
        if self._policy.demand is Demand.DANE and self._anchor is None:
            check_dane(self._policy, tls, self._name)
        self.is_tls = True

    def _handshake_failed(self, error: ConnectionFailed | OSError, *, required: bool, verify: bool) -> NoReturn:
        if required and isinstance(error, ssl.SSLCertVerificationError):
            text = f"the certificate of {self._name} is not valid: {error.verify_message}"
            raise Refused(Refusal.own(550, "5.7.30", text, is_of_host=True)) from error
        if self._policy.is_mandatory:
            raise PolicyNotMet(failure_of(error, self._name)) from error
        if self._options.implicit_tls:
            raise ConnectionFailed(failure_of(error, self._name).text) from error
        if verify or self._options.user is not None:
            raise error
        raise NoTls(failure_of(error, self._name)) from error

    @property
    def _tls_name(self) -> str:
        """Of an exchanger whose name is an alias, the name where its TLSA records are (RFC 7672 §3.2.2, §8.1)."""
        return self._policy.domain if self._policy.demand is Demand.DANE else self._name

    async def _log_in(self) -> None:
        if "PLAIN" not in self._engine.capabilities.mechanisms:
            raise Refused(Refusal(0, f"{self._connection.name} does not offer AUTH PLAIN"))
        response = f"\x00{self._options.user}\x00{self._options.password or ''}".encode()
        self._engine.authenticate("PLAIN", base64.b64encode(response))
        self._expect(await self._connection.reply())

    def _expect(self, reply: Reply, *, is_of_host: bool = False) -> None:
        if not reply.is_positive:
            raise Refused(refusal_of(reply, is_of_host=is_of_host))
