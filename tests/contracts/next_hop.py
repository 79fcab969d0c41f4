"""The next hop of contract tests for senders: a server that says what a test tells it to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.outbound.ports import NO_WISHES, SendOptions, SendResult, SmtpSender, Wishes
from compostela.core.outbound.tls import OPPORTUNISTIC, TlsPolicy
from compostela.model.mail_address import MailAddress
from compostela.testing.mails import address

HOST = "127.0.0.1"
HANG_UP = "hang up"
SILENCE = "silence"
BOB, CAROL = address("bob@example.org"), address("carol@example.net")
LARGE = (b"x" * 997 + b"\r\n.\r\nRSET\r\n") * 600
EVERY_FEATURE = ("PIPELINING", "8BITMIME", "SIZE 10000000", "ENHANCEDSTATUSCODES")
USUAL = {
    "greeting": "220 ready", "HELO": "250 hello", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 taken",
    "BDAT": "250 got it", "STARTTLS": "220 go ahead", "RSET": "250 ok", "QUIT": "221 bye",
}  # fmt: skip


class FailingBody(MemoryBody):
    """Gives its octets up to the middle at one of the passes over it, and from then on."""

    def __init__(self, data: bytes, fails_at_pass: int, *, is_cut: bool) -> None:
        super().__init__(data)
        self._good_passes = fails_at_pass - 1
        self._is_cut = is_cut

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        self._good_passes -= 1
        fails = self._good_passes < 0
        async for chunk in super().chunks(offset, self.size // 2 if fails else length):
            yield chunk
        if fails and not self._is_cut:
            raise TemporaryFailure("the disk cannot be read")


@dataclass
class Peer:
    """One reply a step: by whole line, by verb, or the usual one. DATA without an accepted recipient is usually refused. After a
    reply with the code 421 the connection ends."""

    replies: dict[str, str] = field(default_factory=dict)
    features: Sequence[str] = EVERY_FEATURE
    lines: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    is_implicit: bool = False
    """TLS begins with the connection."""
    max_recipients: tuple[int, str] = (1_000_000, "")
    """So many recipients of one mail are taken; others get this reply."""
    port: int = 0
    _recipients: int = 0
    _accepted: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        server = await asyncio.start_server(self._talk, HOST, 0, ssl=self.tls if self.is_implicit else None)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    def verbs(self) -> list[str]:
        return [line.partition(" ")[0] for line in self.lines]

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            going_on = self._say(writer, "greeting", "greeting")
            while going_on and (line := await reader.readline()):
                text = line.decode().rstrip("\r\n")
                self.lines.append(text)
                verb = text.partition(" ")[0]
                going_on = self._say(writer, text, verb)
                if going_on and verb == "DATA" and "DATA" not in self.replies and self._accepted:
                    self.data.append(await self._message(reader))
                    going_on = self._say(writer, ".", ".")
                if going_on and verb == "BDAT":
                    self.chunks.append(await reader.readexactly(int(text.split()[1])))
                if going_on and verb == "STARTTLS" and self.tls is not None:
                    await writer.start_tls(self.tls)
                going_on = going_on and verb != "QUIT"
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, text: str, verb: str) -> bool:
        features = "".join(f"250-{line}\r\n" for line in ("peer.example", *self.features[:-1]))
        greeting = f"{features}250 {self.features[-1] if self.features else 'HELP'}"
        self._recipients = self._recipients + 1 if verb == "RCPT" else 0
        if self._recipients > self.max_recipients[0]:
            text = self.max_recipients[1]
            writer.write(text.encode() + b"\r\n")
            return True
        usual = {**USUAL, "EHLO": greeting}
        if not self._accepted:
            usual["DATA"] = "503 no valid recipients"
        reply = self.replies.get(text) or self.replies.get(verb) or usual.get(verb, "500 what?")
        if verb in ("MAIL", "RCPT"):
            self._accepted = self._accepted + reply.startswith("250") if verb == "RCPT" else 0
        if reply == HANG_UP:
            return False
        if reply != SILENCE:
            writer.write(reply.encode() + b"\r\n")
        return not reply.startswith("421")

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        lines: list[bytes] = []
        while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)


def content(body: bytes = b"Hello.\r\n", header: bytes = b"Subject: greetings\r\n\r\n") -> MessageContent:
    return MessageContent(header, MemoryBody(body))


async def sent(
    sender: SmtpSender,
    peer: Peer,
    recipients: Sequence[MailAddress] = (BOB, CAROL),
    message: MessageContent | None = None,
    *,
    mail_from: MailAddress | None = None,
    reply_seconds: float = 20.0,
    wishes: Wishes = NO_WISHES,
    name: str = "",
    tls: TlsPolicy = OPPORTUNISTIC,
) -> SendResult:
    options = SendOptions(hello_name="mx.example.com", connect_seconds=20.0, reply_seconds=reply_seconds)
    async with peer.running():
        return await sender.send(
            HOST, peer.port, mail_from, list(recipients), message or content(), options, wishes, name=name, tls=tls
        )


def codes(result: SendResult) -> dict[MailAddress, int]:
    return {recipient: refusal.code for recipient, refusal in result.refused.items()}
