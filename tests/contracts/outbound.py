"""What every SMTP sender keeps to. A subclass gives the fixture `sender`; the next hop is `Peer`, a server that says what a
test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.outbound.ports import SendOptions, SendResult, SmtpSender
from compostela.model.mail_address import MailAddress
from tests.contracts.fakes import address

HOST = "127.0.0.1"
HANG_UP = "hang up"
SILENCE = "silence"
BOB, CAROL = address("bob@example.org"), address("carol@example.net")
LARGE = (b"x" * 997 + b"\r\n.\r\nRSET\r\n") * 600
EVERY_FEATURE = ("PIPELINING", "8BITMIME", "SIZE 10000000", "ENHANCEDSTATUSCODES")
USUAL = {
    "greeting": "220 ready", "HELO": "250 hello", "MAIL": "250 ok", "RCPT": "250 ok", "DATA": "354 go on", ".": "250 taken",
    "RSET": "250 ok", "QUIT": "221 bye",
}  # fmt: skip


@dataclass
class Peer:
    """One reply a step: by whole line, by verb, or the usual one."""

    replies: dict[str, str] = field(default_factory=dict)
    features: Sequence[str] = EVERY_FEATURE
    lines: list[str] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    port: int = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Peer"]:
        server = await asyncio.start_server(self._talk, HOST, 0)
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
                if going_on and verb == "DATA" and "DATA" not in self.replies:
                    self.data.append(await self._message(reader))
                    going_on = self._say(writer, ".", ".")
                going_on = going_on and verb != "QUIT"
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _say(self, writer: asyncio.StreamWriter, text: str, verb: str) -> bool:
        features = "".join(f"250-{line}\r\n" for line in ("peer.example", *self.features[:-1]))
        greeting = f"{features}250 {self.features[-1] if self.features else 'HELP'}"
        reply = self.replies.get(text) or self.replies.get(verb) or {**USUAL, "EHLO": greeting}.get(verb, "500 what?")
        if reply == HANG_UP:
            return False
        if reply != SILENCE:
            writer.write(reply.encode() + b"\r\n")
        return True

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
) -> SendResult:
    options = SendOptions(hello_name="mx.example.com", connect_seconds=20.0, reply_seconds=reply_seconds)
    async with peer.running():
        return await sender.send(HOST, peer.port, mail_from, list(recipients), message or content(), options)


def codes(result: SendResult) -> dict[MailAddress, int]:
    return {recipient: refusal.code for recipient, refusal in result.refused.items()}


with_and_without_pipelining = pytest.mark.parametrize(
    "features", [EVERY_FEATURE, ("8BITMIME", "SIZE")], ids=["pipelining", "plain"]
)


class SmtpSenderContract:
    ports = (SmtpSender,)

    @with_and_without_pipelining
    async def test_delivers_to_all(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer(features=features)
        result = await sent(sender, peer, mail_from=address("alice@example.com"))
        assert (result.delivered, result.refused) == ([BOB, CAROL], {})
        assert peer.data == [b"Subject: greetings\r\n\r\nHello.\r\n"]
        assert peer.lines[0] == "EHLO mx.example.com"
        assert peer.lines[1].startswith("MAIL FROM:<alice@example.com>")
        assert peer.lines[2:4] == ["RCPT TO:<bob@example.org>", "RCPT TO:<carol@example.net>"]

    async def test_the_null_sender(self, sender: SmtpSender) -> None:
        peer = Peer()
        assert (await sent(sender, peer)).delivered == [BOB, CAROL]
        assert peer.lines[1].startswith("MAIL FROM:<>")

    @pytest.mark.parametrize(
        ("body", "arrives"),
        [
            (b"", b""),
            (b".", b".\r\n"),
            (b".\r\n..\r\n.x\r\n", b".\r\n..\r\n.x\r\n"),
            (b"no line end", b"no line end\r\n"),
            (b"bare\nline\n.\nends\r.\r\n", b"bare\r\nline\r\n.\r\nends\r\n.\r\n"),
            (LARGE, LARGE),
        ],
        ids=["empty", "dot", "dots", "unfinished", "bare line ends", "large"],
    )
    async def test_the_message_arrives_as_it_is(self, sender: SmtpSender, body: bytes, arrives: bytes) -> None:
        peer = Peer()
        assert (await sent(sender, peer, message=content(body))).delivered == [BOB, CAROL]
        assert peer.data == [b"Subject: greetings\r\n\r\n" + arrives]

    async def test_eight_bit_text_becomes_seven_bit_where_it_must(self, sender: SmtpSender) -> None:
        peer = Peer(features=("SIZE",))
        assert (await sent(sender, peer, message=content("Grüße\r\n".encode()))).delivered == [BOB, CAROL]
        assert peer.data[0].isascii()

    @with_and_without_pipelining
    async def test_some_are_refused(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer({"RCPT TO:<bob@example.org>": "550-5.1.1 no\r\n550 5.1.1 such user"}, features)
        result = await sent(sender, peer)
        assert result.delivered == [CAROL]
        refusal = result.refused[BOB]
        assert (refusal.code, refusal.is_permanent) == (550, True)
        assert "such user" in refusal.text
        assert len(peer.data) == 1

    @with_and_without_pipelining
    async def test_when_all_are_refused_no_message_goes(self, sender: SmtpSender, features: Sequence[str]) -> None:
        peer = Peer({"RCPT": "450 later"}, features)
        result = await sent(sender, peer)
        assert (result.delivered, codes(result)) == ([], {BOB: 450, CAROL: 450})
        assert not result.refused[BOB].is_permanent
        assert peer.data == []

    @pytest.mark.parametrize(
        ("step", "reply", "code"),
        [
            ("greeting", "421 busy", 421),
            ("greeting", "554 go away", 554),
            ("MAIL", "451 later", 451),
            ("DATA", "554 no", 554),
            (".", "552 too large", 552),
        ],
    )
    @with_and_without_pipelining
    async def test_what_is_refused_is_refused_for_all(
        self, sender: SmtpSender, features: Sequence[str], step: str, reply: str, code: int
    ) -> None:
        result = await sent(sender, Peer({step: reply}, features))
        assert (result.delivered, codes(result)) == ([], {BOB: code, CAROL: code})

    @pytest.mark.parametrize("step", ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "."])
    @pytest.mark.parametrize("answer", [HANG_UP, "no SMTP at all", "250" + "x" * 20_000])
    async def test_whatever_breaks_refuses_all(self, sender: SmtpSender, step: str, answer: str) -> None:
        result = await sent(sender, Peer({step: answer}))
        assert (result.delivered, codes(result)) == ([], {BOB: 0, CAROL: 0})
        assert not result.refused[BOB].is_permanent

    @pytest.mark.parametrize("step", ["greeting", "MAIL"])
    async def test_silence_ends(self, sender: SmtpSender, step: str) -> None:
        result = await sent(sender, Peer({step: SILENCE}), reply_seconds=0.05)
        assert codes(result) == {BOB: 0, CAROL: 0}

    @pytest.mark.parametrize("reply", [HANG_UP, "500 what?", "no SMTP at all"])
    async def test_what_was_taken_is_delivered_whatever_follows(self, sender: SmtpSender, reply: str) -> None:
        assert (await sent(sender, Peer({"QUIT": reply}))).delivered == [BOB, CAROL]

    async def test_nobody_listens(self, sender: SmtpSender) -> None:
        peer = Peer()
        async with peer.running():
            pass
        result = await sender.send(HOST, peer.port, None, [BOB], content(), SendOptions())
        assert codes(result) == {BOB: 0}

    async def test_a_name_that_does_not_exist(self, sender: SmtpSender) -> None:
        result = await sender.send("x" * 70, 25, None, [BOB], content(), SendOptions())
        assert codes(result) == {BOB: 0}

    async def test_an_old_peer_without_ehlo(self, sender: SmtpSender) -> None:
        peer = Peer({"EHLO": "502 unknown"})
        assert (await sent(sender, peer)).delivered == [BOB, CAROL]
        assert peer.verbs()[:3] == ["EHLO", "HELO", "MAIL"]

    async def test_an_internationalised_address_needs_a_peer_that_takes_it(self, sender: SmtpSender) -> None:
        renée = address("renée@example.org")
        assert codes(await sent(sender, Peer(), [renée])) == {renée: 553}
        peer = Peer(features=("SMTPUTF8", "8BITMIME"))
        assert (await sent(sender, peer, [renée])).delivered == [renée]
        assert "SMTPUTF8" in peer.lines[1]

    async def test_no_password_without_a_peer_that_asks_for_it(self, sender: SmtpSender) -> None:
        peer = Peer()
        async with peer.running():
            options = SendOptions(user="user", password="secret")
            result = await sender.send(HOST, peer.port, None, [BOB], content(), options)
        assert (result.delivered, codes(result)) == ([], {BOB: 0})
        assert not any(line.startswith("AUTH") for line in peer.lines)

    async def test_many_recipients(self, sender: SmtpSender) -> None:
        many = [address(f"user{n}@example.org") for n in range(500)]
        peer = Peer({"RCPT TO:<user7@example.org>": "550 no"})
        result = await sent(sender, peer, many)
        assert result.delivered == [one for one in many if one != address("user7@example.org")]
        assert codes(result) == {address("user7@example.org"): 550}
