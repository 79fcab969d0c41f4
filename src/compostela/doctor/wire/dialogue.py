"""A small SMTP, IMAP and POP3 client that says exactly what it is told to: the checks try what no real client would send."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_address

from compostela.core.autoconfiguration.endpoints import Endpoint, Proxied, Speaks
from compostela.doctor.wire.certificates import unverified_context
from compostela.net.tls.early import early_octets
from compostela.protocols.smtp.capabilities import Capabilities
from compostela.protocols.smtp.client import MAX_LINE_BYTES, PeerError, SmtpClientEngine
from compostela.protocols.smtp.client_reply import Reply

STEP_SECONDS = 10.0
"""For a connection, a handshake, an answer."""
MAX_LINES = 100
"""Of an answer of IMAP or POP3."""
NAME = "diagnosis.invalid"
"""The client's name in HELO: a reserved one, which no host has (RFC 2606)."""


class DialogueFailed(Exception):
    """The other side closed, was silent for too long, or does not speak the protocol."""


@dataclass(frozen=True, slots=True)
class ComesFrom:
    """Which address the client has, and where it connects to for that."""

    host: str
    """Where to connect."""
    local: str | None = None
    """Bind to this address before."""
    announced: str | None = None
    """The address that a PROXY header tells."""


class Dialogue:
    def __init__(self, endpoint: Endpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.endpoint = endpoint
        self._reader = reader
        self._writer = writer
        self._smtp = SmtpClientEngine()
        """Reads the replies of SMTP and LMTP."""

    @property
    def tls(self) -> ssl.SSLObject | None:
        """What the handshake came to."""
        found: ssl.SSLObject | None = self._writer.get_extra_info("ssl_object")
        return found

    async def greeting(self) -> str:
        """The server's first words; those of SMTP and LMTP as one line."""
        return (await self.reply()).text if self.endpoint.speaks.takes_mail else await self.line()

    @property
    def offered(self) -> Capabilities:
        """What the server has offered in its answer to EHLO or LHLO."""
        return self._smtp.capabilities

    async def command(self, line: str) -> Reply:
        """An SMTP command and its reply. 421 is no answer to it: the server ends the session (RFC 5321 §3.8)."""
        self._smtp.say(line)
        await self._write(self._smtp.to_send())
        reply = await self.reply()
        if reply.is_closing:
            raise DialogueFailed(f"{self.endpoint} closes: {reply.text}")
        return reply

    async def reply(self) -> Reply:
        try:
            while (answer := self._smtp.next_answer()) is None:
                self._smtp.receive(await self._octets_of_line())
        except PeerError as error:
            raise DialogueFailed(f"{self.endpoint}: {error}") from error
        return answer.reply

    async def send(self, line: bytes) -> None:
        await self._write(line + b"\r\n")

    async def _write(self, octets: bytes) -> None:
        try:
            async with asyncio.timeout(STEP_SECONDS):
                self._writer.write(octets)
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise DialogueFailed(f"{self.endpoint} took no more: {error or 'too slow'}") from error

    async def line(self) -> str:
        """A line of IMAP or POP3."""
        return (await self._octets_of_line()).decode("utf-8", "replace").rstrip("\r\n")

    async def _octets_of_line(self) -> bytes:
        try:
            async with asyncio.timeout(STEP_SECONDS):
                data = await self._reader.readline()
        except TimeoutError as error:
            raise DialogueFailed(f"{self.endpoint} was silent for {STEP_SECONDS:g} seconds") from error
        except (OSError, ValueError) as error:
            raise DialogueFailed(f"{self.endpoint} broke off: {error}") from error
        if not data.endswith(b"\n"):
            raise DialogueFailed(f"{self.endpoint} closed the connection")
        return data

    async def start_tls(self, context: ssl.SSLContext | None = None) -> None:
        """The handshake, after the protocol's command. Raises `DialogueFailed` when there is none."""
        try:
            async with asyncio.timeout(STEP_SECONDS):
                await self._writer.start_tls(context or unverified_context(), server_hostname=None)
        except (ssl.SSLError, OSError, TimeoutError) as error:
            raise DialogueFailed(f"no TLS with {self.endpoint}: {error or 'too slow'}") from error

    async def secure(self, context: ssl.SSLContext | None = None) -> None:
        """From after the greeting of a port with STARTTLS to an encrypted connection."""
        match self.endpoint.speaks:
            case Speaks.IMAP:
                answer = (await self.imap(b"STARTTLS"))[-1]
                accepted = answer.startswith("a OK")
            case Speaks.POP3:
                await self.send(b"STLS")
                answer = await self.line()
                accepted = answer.startswith("+OK")
            case Speaks.SMTP | Speaks.LMTP:
                await self.command(f"{self.endpoint.speaks.hello} {NAME}")
                reply = await self.command("STARTTLS")
                answer, accepted = reply.text, reply.is_positive
        if not accepted:
            raise DialogueFailed(f"{self.endpoint} refuses STARTTLS: {answer}")
        try:
            if await early_octets(self._reader, self._writer):
                raise DialogueFailed(f"no TLS with {self.endpoint}: octets in the clear after the go-ahead for TLS")
        except OSError as error:
            raise DialogueFailed(f"{self.endpoint} broke off: {error}") from error
        if self.endpoint.speaks.takes_mail:
            self._smtp.begin_tls()
        await self.start_tls(context)

    async def imap(self, command: bytes) -> list[str]:
        """An IMAP command, and all lines up to its tagged answer."""
        await self.send(b"a " + command)
        lines: list[str] = []
        while len(lines) < MAX_LINES:
            lines.append(await self.line())
            if lines[-1].startswith("a "):
                return lines
        raise DialogueFailed(f"an answer of {self.endpoint} has no end")

    async def pop3_capabilities(self) -> list[str]:
        """The lines of CAPA (RFC 2449 §5), none if the server does not know it."""
        await self.send(b"CAPA")
        lines: list[str] = []
        if not (await self.line()).startswith("+OK"):
            return lines
        while len(lines) < MAX_LINES:
            lines.append(await self.line())
            if lines[-1] == ".":
                return lines[:-1]
        raise DialogueFailed(f"an answer of {self.endpoint} has no end")


@contextlib.asynccontextmanager
async def dialogue(
    endpoint: Endpoint, origin: ComesFrom | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[Dialogue]:
    """A connection, encrypted where that is the beginning; the greeting is still to be read. Raises `DialogueFailed`."""
    origin = origin or ComesFrom(endpoint.host, announced=announced_by_default(endpoint))
    local = None if origin.local is None else (origin.local, 0)
    try:
        async with asyncio.timeout(STEP_SECONDS):
            reader, writer = await asyncio.open_connection(
                origin.host, endpoint.port, local_addr=local, limit=MAX_LINE_BYTES
            )
    except (OSError, TimeoutError) as error:
        raise DialogueFailed(f"{endpoint} cannot be reached: {error or 'too slow'}") from error
    try:
        talk = Dialogue(endpoint, reader, writer)
        header = b"" if origin.announced is None else proxy_header(origin.announced, endpoint.port)
        if header and endpoint.proxied is not Proxied.INSIDE_TLS:
            await talk.send(header)
        if endpoint.implicit:
            await talk.start_tls(context)
        if header and endpoint.proxied is Proxied.INSIDE_TLS:
            await talk.send(header)
        yield talk
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(1.0):
                await writer.wait_closed()


def announced_by_default(endpoint: Endpoint) -> str | None:
    """What a PROXY header tells where the server wants one."""
    return None if endpoint.proxied in (Proxied.NO, Proxied.BY_OTHERS) else STRANGERS[0]


def proxy_header(address: str, port: int) -> bytes:
    """Version 1, without its end of line."""
    kind = "TCP4" if ip_address(address).version == 4 else "TCP6"
    return f"PROXY {kind} {address} {address} 40000 {port}".encode()


STRANGERS = ("192.0.2.77", "198.51.100.77", "203.0.113.77")
"""Addresses reserved for documentation, which no host has (RFC 5737)."""
