"""The SMTP client: one mail to one next hop (RFC 5321 from the other side)."""

import asyncio
import base64
import logging
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import NoReturn

from compostela.base.errors import CompostelaError
from compostela.core.blob.model import MessageContent
from compostela.core.outbound.own_endpoints import NO_ENDPOINTS, OwnEndpoints, leads_back
from compostela.core.outbound.ports import NO_WISHES, Refusal, SendOptions, SendResult, TlsOutcome, Wishes
from compostela.core.outbound.tls import OPPORTUNISTIC, Demand, TlsFailure, TlsFailureType, TlsPolicy
from compostela.mime.conversion import CannotConvert
from compostela.mime.headers import Headers
from compostela.mime.lines import with_crlf
from compostela.model.mail_address import MailAddress
from compostela.net.outbound.content import Unreadable, body_chunks, fitting, message_lines, shape_of, stuffed_chunk
from compostela.net.outbound.envelope import Parcel, limit_of, mail_line, needs_utf8, rcpt_line, size_limit
from compostela.net.outbound.idle_connections import IdleConnections
from compostela.net.outbound.reply import Reply
from compostela.net.outbound.tls import AnchorFound, PolicyNotMet, check_dane, context_for, failure_of

_log = logging.getLogger(__name__)

MAX_REPLY_LINES = 100
MAX_LINE_BYTES = 4096
DATA_SECONDS = 600.0
_NO_REQUIRETLS = Refusal(550, "550 5.7.30 REQUIRETLS support required: the next hop has none", is_of_host=True)
_NO_BINARY = Refusal(554, "554 5.6.3 the next hop does not take binary content", is_of_host=True)
_NO_EIGHT_BIT = "554 5.6.3 the next hop takes 7 bit only, which the content cannot be made"
_NO_UTF8 = Refusal(553, "553 5.6.7 the next hop does not take internationalised mail", is_of_host=True)
_CLOSING = 421
_NUL = Refusal(554, "554 5.6.0 the message holds NUL octets, which servers might drop")
_REPLY = re.compile(rb"(\d{3})([ -]?)(.*)")


class _Failed(CompostelaError):
    """The connection broke, timed out, or the peer does not speak SMTP."""


class SmtpClient:
    """See `compostela.core.outbound.ports.SmtpSender`."""

    def __init__(self, own: OwnEndpoints = NO_ENDPOINTS, idle_seconds: float = 0.0) -> None:
        """`own`: how this server would be met as a next hop. `idle_seconds`: how long a connection waits for another mail; 0 for
        a connection each."""
        self._own = own
        self._idle: IdleConnections[_Conversation] = IdleConnections(idle_seconds)

    async def close(self) -> None:
        await self._idle.close()

    async def send(
        self,
        host: str,
        port: int,
        sender: MailAddress | None,
        recipients: list[MailAddress],
        content: MessageContent,
        options: SendOptions,
        wishes: Wishes = NO_WISHES,
        *,
        name: str = "",
        tls: TlsPolicy = OPPORTUNISTIC,
    ) -> SendResult:
        result = SendResult()
        left = list(recipients)
        refusal: Refusal | None = None
        policy, anchor = OPPORTUNISTIC if wishes.require_tls is False else tls, None
        failure: TlsFailure | None = None
        while left and refusal is None:
            key = (host, port, name, options, policy, anchor, wishes.require_tls)
            idle, is_kept = self._idle.take(key), False
            conversation = idle or _Conversation(host, port, options, wishes, name or host, self._own, policy, anchor)
            try:
                await (conversation.open() if idle is None else conversation.go_on(wishes))
                is_new = idle is None or (result.tls is not None and result.tls.is_new)
                result.tls = TlsOutcome(conversation.is_tls, failure, is_new)
                left = await conversation.transact(sender, left, content, result)
                is_kept = not left and self._idle.put(key, conversation)
                if not is_kept:
                    await conversation.quit()
            except (_Failed, OSError, ssl.SSLError, TimeoutError, EOFError, UnicodeError) as error:
                # UnicodeError: a host of no form that the system's resolver knows
                if idle is not None and not conversation.has_begun_message:
                    continue  # it was ended while it waited
                refusal = Refusal(0, f"{host}:{port}: {error or type(error).__name__}")
            except Unreadable as error:
                # the connection ends here, inside the message: the peer must not take what it got for the whole
                _log.error("a message on its way out cannot be read: %s", error)
                refusal = Refusal(0, "the message cannot be read from the store")
            except _Refused as refused:
                if idle is not None and refused.refusal.code == _CLOSING and not conversation.has_begun_message:
                    continue
                refusal = refused.refusal
                await conversation.quit()  # RFC 5321 §4.1.1.10
            except AnchorFound as found:
                anchor = found.anchor
            except PolicyNotMet as error:
                failure = error.failure
                result.tls = TlsOutcome(is_used=False, failure=failure)
                if policy.is_testing:
                    policy = OPPORTUNISTIC
                else:
                    refusal = Refusal(0, f"{host}:{port}: {error}", is_of_host=True)
            except _NoTls as error:
                # any encryption is better than none, and none better than no mail (RFC 7435 §1.2)
                _log.info("TLS with %s:%d failed, going on without: %s", host, port, error)
                failure = failure or error.failure
                options = replace(options, use_starttls=False)
            finally:
                if not is_kept:
                    await conversation.close()
        if refusal is not None:
            for recipient in set(recipients).difference(result.delivered):
                result.refused.setdefault(recipient, refusal)
        return result


class _NoTls(Exception):
    """The handshake failed, and TLS is not required."""

    def __init__(self, failure: TlsFailure) -> None:
        super().__init__(failure.text)
        self.failure = failure


@asynccontextmanager
async def _within(seconds: float, otherwise: str) -> AsyncIterator[None]:
    """Raises `_Failed` with the cause when the time is over."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        if error.errno is not None:
            raise  # the system's own, with a text
        raise _Failed(f"{otherwise} within {seconds:g} seconds") from error


def _verb(line: str) -> str:
    """How a command begins, without what may be a secret."""
    return line.partition(" ")[0]


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class _Conversation:
    def __init__(
        self,
        host: str,
        port: int,
        options: SendOptions,
        wishes: Wishes,
        name: str,
        own: OwnEndpoints,
        policy: TlsPolicy,
        anchor: bytes | None,
    ) -> None:
        """`anchor` is the authority of the policy's TLSA records, once it is known."""
        self._host = host
        self._port = port
        self._options = options
        self._wishes = wishes
        self._name = name
        self._own = own
        self._policy = policy
        self._anchor = anchor
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._features: dict[str, str] = {}
        self.is_tls = False
        self.has_begun_message = False
        """DATA or BDAT was said for the mail at hand: what becomes of it may be unknown."""

    async def go_on(self, wishes: Wishes) -> None:
        """Another mail over the same connection."""
        self._wishes = wishes
        self.has_begun_message = False

    async def open(self) -> None:
        """Connects, greets, upgrades to TLS and logs in, as far as the options and the peer want it."""
        local = (self._options.bind_address, 0) if self._options.bind_address else None
        async with _within(self._options.connect_seconds, "no connection"):
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, limit=MAX_LINE_BYTES, local_addr=local
            )
        peer = self._writer.get_extra_info("peername")
        if peer is not None and self._own.has_address(*peer[:2]):
            raise _Refused(leads_back(f"{self._host}:{self._port}"))
        required = self._wishes.require_tls is True
        if self._options.implicit_tls:
            await self._shake_hands(required)
        greeting = await self._reply("the connection")
        await self._expect(greeting, is_of_host=True)
        self._check_name(greeting)
        await self._hello()
        demanded = self._policy.is_mandatory
        may_upgrade = required or demanded or self._options.use_starttls
        if may_upgrade and not self.is_tls and "STARTTLS" in self._features:
            await self._upgrade(required)
        if demanded and not self.is_tls:
            text = f"{self._name} offers no TLS, which the policy of {self._policy.domain} demands"
            raise PolicyNotMet(TlsFailure(TlsFailureType.STARTTLS_NOT_SUPPORTED, text))
        if required and not (self.is_tls and "REQUIRETLS" in self._features):
            # an attacker on the way can offer REQUIRETLS in the clear and refuse STARTTLS
            raise _Refused(_NO_REQUIRETLS)
        if self._options.user is not None:
            if self._options.use_starttls and not self.is_tls:
                # a middlebox can take STARTTLS out of the answer; another try may reach the real host
                raise _Failed("TLS is not offered, so the password is not sent; startTLS 'false' allows it")
            await self._log_in()

    async def transact(
        self, sender: MailAddress | None, recipients: list[MailAddress], content: MessageContent, result: SendResult
    ) -> list[MailAddress]:
        """Sends the mail as often as the peer's limits ask for (RFC 9422, RFC 5321 §4.5.3.1.10). Gives the recipients for whom
        there must be another connection."""
        if "SMTPUTF8" not in self._features:
            international = [one for one in recipients if not one.is_ascii]
            result.refused.update(dict.fromkeys(international, _NO_UTF8))
            recipients = [one for one in recipients if one.is_ascii]
        parcel = await self._pack(sender, recipients, content)
        at_once = limit_of(self._features, "RCPTMAX") or len(recipients)
        mails = limit_of(self._features, "MAILMAX") or len(recipients)
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
        shape = await shape_of(content)
        binary = self._wishes.binary and (shape.has_nul or shape.has_bare_line_ends)
        if binary and not {"BINARYMIME", "CHUNKING"} <= self._features.keys():
            raise _Refused(_NO_BINARY)
        if shape.has_nul and not binary:
            raise _Refused(_NUL)
        utf8 = needs_utf8(sender, recipients, content, self._wishes)
        if utf8 and "SMTPUTF8" not in self._features:
            raise _Refused(_NO_UTF8)
        body, eight_bit = "", "8BITMIME" in self._features
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
                    raise _Refused(Refusal(554, f"{_NO_EIGHT_BIT}: {why}", is_of_host=True)) from why
        size = content.size if converted is None else len(header) + len(converted)
        limit = size_limit(self._features)
        if limit is not None and size > limit:
            text = f"552 5.3.4 the message has {size} octets, and the next hop takes at most {limit}"
            raise _Refused(Refusal(552, text, is_of_host=True))
        mail = mail_line(sender, size, body, self._features, self._wishes, utf8=utf8)
        return Parcel(mail, header, converted, binary)

    async def _transaction(
        self, parcel: Parcel, recipients: list[MailAddress], content: MessageContent, result: SendResult
    ) -> tuple[int, list[MailAddress]]:
        """Send one mail. Return how many recipients it has reached, and the recipients beyond the next hop's limit."""
        lines = [parcel.mail, *(rcpt_line(recipient, self._features, self._wishes) for recipient in recipients)]
        accepted, surplus = await self._envelope(lines, recipients, result)
        if not accepted:
            await self._command("RSET")
            return 0, []
        self.has_begun_message = True
        if parcel.is_binary:
            reply = await self._chunks(parcel.header, content)
        else:
            go_ahead = await self._command("DATA")
            if not go_ahead.is_go_ahead:
                raise _Refused(go_ahead.refusal)
            await self._message(parcel.header, content, parcel.converted)
            reply = await self._reply("the message", DATA_SECONDS)
        await self._expect(reply)
        result.delivered += accepted
        if "DSN" in self._features:
            result.passed_on.update(accepted)
        return len(accepted), surplus

    async def _envelope(
        self, lines: list[str], recipients: list[MailAddress], result: SendResult
    ) -> tuple[list[MailAddress], list[MailAddress]]:
        """Send MAIL and RCPT. Return the accepted recipients, and those beyond the next hop's limit."""
        pipelining = "PIPELINING" in self._features
        if pipelining:
            self._write("".join(f"{line}\r\n" for line in lines).encode())
        accepted: list[MailAddress] = []
        surplus: list[MailAddress] = []
        refused: Refusal | None = None
        for number, line in enumerate(lines):
            if not pipelining:
                self._write(f"{line}\r\n".encode())
            reply = await self._reply(_verb(line))
            if number == 0:
                if not reply.is_positive:
                    refused = reply.refusal
                    if not pipelining:
                        break
            elif refused is None:
                if reply.is_positive:
                    accepted.append(recipients[number - 1])
                elif accepted and reply.is_of_too_many:
                    surplus.append(recipients[number - 1])
                else:
                    result.refused[recipients[number - 1]] = reply.refusal
        if refused is not None:
            raise _Refused(refused)
        return accepted, surplus

    async def _message(self, header: bytes, content: MessageContent, converted: bytes | None) -> None:
        assert self._writer is not None
        last = b""
        async for chunk in message_lines(header, content, converted):
            self._writer.write(stuffed_chunk(last, chunk))
            await self._drain()
            last = chunk[-2:] if len(chunk) > 1 else (last + chunk)[-2:]
        self._write(b".\r\n" if last == b"\r\n" else b"\r\n.\r\n")

    async def _chunks(self, header: bytes, content: MessageContent) -> Reply:
        """The message with BDAT (RFC 3030): its body octet for octet, its header as lines."""
        assert self._writer is not None
        reply = await self._chunk(with_crlf(header))
        async for chunk in body_chunks(content):
            if not reply.is_positive:
                return reply
            if chunk:
                reply = await self._chunk(chunk)
        return await self._command("BDAT 0 LAST", DATA_SECONDS) if reply.is_positive else reply

    async def _chunk(self, octets: bytes) -> Reply:
        self._write(b"BDAT %d\r\n" % len(octets))
        self._write(octets)
        await self._drain()
        return await self._reply("BDAT", DATA_SECONDS)

    async def quit(self) -> None:
        """Says good-bye; the mail is taken already, whatever comes now."""
        try:
            self._write(b"QUIT\r\n")
            await self._reply("QUIT", 5.0)
        except (_Failed, OSError, TimeoutError, EOFError):
            _log.debug("the next hop did not say good-bye")

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            try:
                async with asyncio.timeout(5.0):
                    await self._writer.wait_closed()
            except (OSError, TimeoutError, ssl.SSLError):
                self._writer.transport.abort()

    async def _hello(self) -> None:
        reply = await self._command(f"EHLO {self._options.hello_name}")
        if reply.is_positive:
            words = [line.partition(" ") for line in reply.lines[1:]]
            self._features = {name.upper(): value for name, _, value in words}
        else:
            self._features = {}
            reply = await self._command(f"HELO {self._options.hello_name}")
            await self._expect(reply, is_of_host=True)
        self._check_name(reply)

    def _check_name(self, reply: Reply) -> None:
        """The peer's name comes first in its greeting and in its answer to EHLO and HELO (RFC 5321 §4.2, §4.1.1.1)."""
        name = reply.lines[0].partition(" ")[0]
        if self._own.has_name(name):
            raise _Refused(leads_back(f"{self._host}:{self._port} ({name})"))

    async def _upgrade(self, required: bool) -> None:
        assert self._writer is not None
        go_ahead = await self._command("STARTTLS")
        if not go_ahead.is_positive:
            if self._options.user is not None:
                # an attacker on the way must not get the password by such an answer
                raise _Failed(f"TLS was offered and is refused: {go_ahead.refusal.text}")
            return
        if not await self._is_silent():
            raise _Failed("octets in the clear after the go-ahead for TLS")
        await self._shake_hands(required)
        await self._hello()

    async def _shake_hands(self, required: bool) -> None:
        assert self._writer is not None
        verify = required or (self._options.verify_certificate and self._wishes.require_tls is not False)
        context = context_for(self._policy, self._anchor, verify=verify)
        try:
            async with _within(self._options.connect_seconds, "no end of the TLS handshake"):
                await self._writer.start_tls(context, server_hostname=self._tls_name)
        except (_Failed, OSError, ssl.SSLError) as error:
            self._handshake_failed(error, required=required, verify=verify)
        tls = self._writer.get_extra_info("ssl_object")
        if self._policy.demand is Demand.DANE and self._anchor is None:
            check_dane(self._policy, tls, self._name)
        self.is_tls = True

    def _handshake_failed(self, error: _Failed | OSError, *, required: bool, verify: bool) -> NoReturn:
        if required and isinstance(error, ssl.SSLCertVerificationError):
            text = f"550 5.7.30 the certificate of {self._name} is not valid: {error.verify_message}"
            raise _Refused(Refusal(550, text, is_of_host=True)) from error
        if self._policy.is_mandatory:
            raise PolicyNotMet(failure_of(error, self._name)) from error
        if self._options.implicit_tls:
            raise _Failed(failure_of(error, self._name).text) from error
        if verify or self._options.user is not None:
            raise error
        raise _NoTls(failure_of(error, self._name)) from error

    @property
    def _tls_name(self) -> str:
        """Of an exchanger whose name is an alias, the name where its TLSA records are (RFC 7672 §3.2.2, §8.1)."""
        return self._policy.domain if self._policy.demand is Demand.DANE else self._name

    async def _is_silent(self) -> bool:
        """Whether nothing came after the last reply: such octets would pass for replies under TLS (RFC 3207 §6)."""
        assert self._reader is not None
        try:
            async with asyncio.timeout(0):
                return not await self._reader.read(1)
        except TimeoutError:
            return True

    async def _log_in(self) -> None:
        if "PLAIN" not in self._features.get("AUTH", "").upper().split():
            raise _Refused(Refusal(0, f"{self._host} does not offer AUTH PLAIN"))
        token = base64.b64encode(f"\x00{self._options.user}\x00{self._options.password or ''}".encode()).decode()
        await self._expect(await self._command(f"AUTH PLAIN {token}"))

    async def _command(self, line: str, seconds: float | None = None) -> Reply:
        self._write(f"{line}\r\n".encode())
        return await self._reply(_verb(line), seconds)

    async def _expect(self, reply: Reply, *, is_of_host: bool = False) -> None:
        if not reply.is_positive:
            raise _Refused(replace(reply.refusal, is_of_host=is_of_host))

    def _write(self, octets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(octets)

    async def _drain(self) -> None:
        assert self._writer is not None
        async with _within(self._options.reply_seconds, "the next hop does not take the message"):
            await self._writer.drain()

    async def _reply(self, to: str, seconds: float | None = None) -> Reply:
        seconds = seconds or self._options.reply_seconds
        async with _within(seconds, f"no answer to {to}"):
            reply = await self._read_reply()
        if _log.isEnabledFor(logging.DEBUG):
            text = f"{reply.code} {' / '.join(reply.lines)}"[:1000]
            _log.debug("next hop replies", extra={"hop": f"{self._host}:{self._port}", "reply": text})
        return reply

    async def _read_reply(self) -> Reply:
        assert self._reader is not None
        lines: list[str] = []
        while len(lines) < MAX_REPLY_LINES:
            try:
                line = await self._reader.readline()
            except ValueError:
                raise _Failed("a reply line is too long") from None
            match = _REPLY.match(line.rstrip(b"\r\n"))
            if not line:
                raise _Failed("the connection was closed")
            if match is None:
                raise _Failed("an answer that is not SMTP")
            lines.append(match.group(3).decode("utf-8", "replace"))
            if match.group(2) != b"-":
                return Reply(int(match.group(1)), lines)
        raise _Failed("a reply has too many lines")
