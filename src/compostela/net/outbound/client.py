"""The SMTP client: one mail to one next hop (RFC 5321 from the other side)."""

import asyncio
import base64
import logging
import quopri
import re
import ssl
from collections.abc import AsyncIterator

from compostela.base.errors import CompostelaError
from compostela.core.blob.model import MessageContent
from compostela.core.outbound.ports import Refusal, SendOptions, SendResult
from compostela.mime.headers import Headers, add_last, remove
from compostela.mime.lines import stuffed, with_crlf
from compostela.model.mail_address import MailAddress

_log = logging.getLogger(__name__)

MAX_REPLY_LINES = 100
MAX_LINE_BYTES = 4096
DATA_SECONDS = 600.0
_REPLY = re.compile(rb"(\d{3})([ -]?)(.*)")


class _Failed(CompostelaError):
    """The connection broke, timed out, or the peer does not speak SMTP."""


class _Reply:
    __slots__ = ("code", "lines")

    def __init__(self, code: int, lines: list[str]) -> None:
        self.code = code
        self.lines = lines

    @property
    def refusal(self) -> Refusal:
        return Refusal(self.code, f"{self.code} {' '.join(self.lines)}"[:1000])

    @property
    def is_positive(self) -> bool:
        return 200 <= self.code < 400


class SmtpClient:
    """See `compostela.core.outbound.ports.SmtpSender`."""

    async def send(
        self,
        host: str,
        port: int,
        sender: MailAddress | None,
        recipients: list[MailAddress],
        content: MessageContent,
        options: SendOptions,
    ) -> SendResult:
        result = SendResult()
        conversation = _Conversation(host, port, options)
        try:
            await conversation.open()
            await conversation.transact(sender, recipients, content, result)
            await conversation.quit()
        except (_Failed, OSError, ssl.SSLError, TimeoutError, EOFError, UnicodeError) as error:
            # UnicodeError: a host of no form that the system's resolver knows
            refusal = Refusal(0, f"{host}:{port}: {error or type(error).__name__}")
            for recipient in recipients:
                if recipient not in result.delivered:
                    result.refused.setdefault(recipient, refusal)
        except _Refused as refused:
            for recipient in recipients:
                if recipient not in result.delivered:
                    result.refused.setdefault(recipient, refused.refusal)
        finally:
            await conversation.close()
        return result


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class _Conversation:
    def __init__(self, host: str, port: int, options: SendOptions) -> None:
        self._host = host
        self._port = port
        self._options = options
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._features: dict[str, str] = {}

    async def open(self) -> None:
        """Connects, greets, upgrades to TLS and logs in, as far as the options and the peer want it."""
        local = (self._options.bind_address, 0) if self._options.bind_address else None
        async with asyncio.timeout(self._options.connect_seconds):
            self._reader, self._writer = await asyncio.open_connection(
                self._host, self._port, limit=MAX_LINE_BYTES, local_addr=local
            )
        await self._expect(await self._reply())
        await self._hello()
        if self._options.use_starttls and "STARTTLS" in self._features:
            await self._upgrade()
        if self._options.user is not None:
            await self._log_in()

    async def transact(
        self, sender: MailAddress | None, recipients: list[MailAddress], content: MessageContent, result: SendResult
    ) -> None:
        eight_bit = "8BITMIME" in self._features
        header, converted = content.header, None
        if not eight_bit:
            header, converted = await _seven_bit(content)
        parameters = " BODY=8BITMIME" if eight_bit and not content.header.isascii() else ""
        if "SIZE" in self._features:
            parameters += f" SIZE={content.size}"
        utf8 = any(not str(one).isascii() for one in (*recipients, sender or ""))
        if utf8:
            if "SMTPUTF8" not in self._features:
                raise _Refused(Refusal(553, "553 5.6.7 the next hop does not take internationalised addresses"))
            parameters += " SMTPUTF8"
        accepted = await self._envelope(sender, parameters, recipients, result)
        if not accepted:
            await self._command("RSET")
            return
        await self._expect(await self._command("DATA"))
        await self._message(header, content, converted)
        reply = await self._reply(DATA_SECONDS)
        for recipient in accepted:
            if reply.is_positive:
                result.delivered.append(recipient)
            else:
                result.refused[recipient] = reply.refusal

    async def _envelope(
        self, sender: MailAddress | None, parameters: str, recipients: list[MailAddress], result: SendResult
    ) -> list[MailAddress]:
        lines = [f"MAIL FROM:<{sender or ''}>{parameters}", *(f"RCPT TO:<{one}>" for one in recipients)]
        pipelining = "PIPELINING" in self._features
        if pipelining:
            self._write("".join(f"{line}\r\n" for line in lines).encode())
        accepted: list[MailAddress] = []
        refused: Refusal | None = None
        for number, line in enumerate(lines):
            if not pipelining:
                self._write(f"{line}\r\n".encode())
            reply = await self._reply()
            if number == 0:
                if not reply.is_positive:
                    refused = reply.refusal
                    if not pipelining:
                        break
            elif refused is None:
                if reply.is_positive:
                    accepted.append(recipients[number - 1])
                else:
                    result.refused[recipients[number - 1]] = reply.refusal
        if refused is not None:
            raise _Refused(refused)
        return accepted

    async def _message(self, header: bytes, content: MessageContent, converted: bytes | None) -> None:
        assert self._writer is not None
        last = b""
        async for chunk in _lines(header, content, converted):
            self._writer.write(stuffed_chunk(last, chunk))
            await self._drain()
            last = chunk[-2:] if len(chunk) > 1 else (last + chunk)[-2:]
        self._write(b".\r\n" if last == b"\r\n" else b"\r\n.\r\n")

    async def quit(self) -> None:
        """Says good-bye; the mail is taken already, whatever comes now."""
        try:
            self._write(b"QUIT\r\n")
            await self._reply(5.0)
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
            await self._expect(await self._command(f"HELO {self._options.hello_name}"))

    async def _upgrade(self) -> None:
        assert self._writer is not None
        if not (await self._command("STARTTLS")).is_positive:
            return
        context = ssl.create_default_context()
        if not self._options.verify_certificate:
            # opportunistic: any encryption is better than none (RFC 7435)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        async with asyncio.timeout(self._options.connect_seconds):
            await self._writer.start_tls(context, server_hostname=self._host)
        await self._hello()

    async def _log_in(self) -> None:
        if "PLAIN" not in self._features.get("AUTH", "").upper().split():
            raise _Refused(Refusal(0, f"{self._host} does not offer AUTH PLAIN"))
        token = base64.b64encode(f"\x00{self._options.user}\x00{self._options.password or ''}".encode()).decode()
        await self._expect(await self._command(f"AUTH PLAIN {token}"))

    async def _command(self, line: str) -> _Reply:
        self._write(f"{line}\r\n".encode())
        return await self._reply()

    async def _expect(self, reply: _Reply) -> None:
        if not reply.is_positive:
            raise _Refused(reply.refusal)

    def _write(self, octets: bytes) -> None:
        assert self._writer is not None
        self._writer.write(octets)

    async def _drain(self) -> None:
        assert self._writer is not None
        async with asyncio.timeout(self._options.reply_seconds):
            await self._writer.drain()

    async def _reply(self, seconds: float | None = None) -> _Reply:
        assert self._reader is not None
        lines: list[str] = []
        async with asyncio.timeout(seconds or self._options.reply_seconds):
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
                    return _Reply(int(match.group(1)), lines)
        raise _Failed("a reply has too many lines")


def stuffed_chunk(last: bytes, chunk: bytes) -> bytes:
    """Dots stuffed, given the last two octets before the chunk."""
    if last in (b"", b"\r\n"):
        return stuffed(chunk)
    body = chunk.replace(b"\n.", b"\n..")
    return b"." + body if last.endswith(b"\n") and chunk.startswith(b".") else body


async def _lines(header: bytes, content: MessageContent, converted: bytes | None) -> AsyncIterator[bytes]:
    """The message in pieces, every line end as CRLF: what leaves never holds a bare CR or LF."""
    yield with_crlf(header)
    if converted is not None:
        yield converted
        return
    held = b""
    async for chunk in content.body.chunks():
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""
        yield with_crlf(data[:-1] if held else data)
    if held:
        yield b"\r\n"


async def _seven_bit(content: MessageContent) -> tuple[bytes, bytes | None]:
    """For a peer without 8BITMIME: a text of one part is encoded; anything else that is not ASCII goes as it is, as every
    server of today takes it."""
    headers = Headers(content.header)
    kind = (headers.get(b"Content-Type") or b"text/plain").lower()
    if not kind.startswith(b"text/") or headers.get(b"Content-Transfer-Encoding") not in (None, b"8bit", b"8BIT"):
        return content.header, None
    body = await content.body.read()
    if body.isascii():
        return content.header, None
    encoded = with_crlf(quopri.encodestring(body.replace(b"\r\n", b"\n")))
    block = remove(content.header, [b"content-transfer-encoding"])
    return add_last(block, b"Content-Transfer-Encoding: quoted-printable"), encoded
