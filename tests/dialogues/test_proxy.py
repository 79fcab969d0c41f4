"""The PROXY protocol at the wire: the address that it gives counts everywhere, and nothing else is let in."""

import asyncio
import contextlib
import struct
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvloop

from compostela.net import admission
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import BOB, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.tls_by_hand import TlsByHand
from tests.dialogues.tls_server import client_context
from tests.programs import needs

KEYS = "<privateKey>file://var/tls/key.pem</privateKey><certificates>file://var/tls/certificate.pem</certificates>"
COMMON = '<helloName autodetect="false">mail.example.org</helloName><connectionLimitPerIP>2</connectionLimitPerIP>'
SMTP = (
    "<smtpserver><jmxName>{name}</jmxName><bind>127.0.0.1:0</bind>"
    + COMMON
    + "<authorizedAddresses>192.0.2.0/24</authorizedAddresses><authRequired>true</authRequired>"
    + '<proxyRequired>true</proxyRequired>{elements}<handlerchain><handler class="ValidRcptHandler"/></handlerchain>'
    + "</smtpserver>"
)
IMPLICIT = f'<tls socketTLS="true">{KEYS}</tls>'
SERVERS = {
    "plain": "",
    "implicit": IMPLICIT,
    "inside": f"{IMPLICIT}<proxyFirst>false</proxyFirst>",
    "starttls": f'<tls startTLS="true">{KEYS}</tls>',
    "believed": "<proxyNetworks>192.0.2.77, 127.0.0.1</proxyNetworks>",
    "doubted": "<proxyNetworks>192.0.2.77</proxyNetworks>",
    "limited": "<connectionLimit>1</connectionLimit>",
}
IMAP = (
    "<imapservers><imapserver><jmxName>imap</jmxName><bind>127.0.0.1:0</bind>"
    + COMMON
    + "<proxyRequired>true</proxyRequired></imapserver></imapservers>"
)
V1 = "PROXY TCP4 {} 10.0.0.1 4711 25\r\n"
RELAY = "RCPT TO:<x@elsewhere.example>"


def version_2(address: str) -> bytes:
    octets = bytes(int(part) for part in address.split(".")) + bytes([10, 0, 0, 1]) + struct.pack(">HH", 4711, 25)
    return b"\r\n\r\n\x00\r\nQUIT\n\x21\x11" + struct.pack(">H", len(octets)) + octets


@contextlib.asynccontextmanager
async def proxied(folder: Path) -> AsyncIterator[Server]:
    servers = "".join(SMTP.format(name=name, elements=elements) for name, elements in SERVERS.items())
    files = {"smtpserver.xml": f"<smtpservers>{servers}</smtpservers>", "imapserver.xml": IMAP}
    async with running(folder, files=files) as server:
        yield server


async def is_hello_of(c: Conversation, address: str) -> None:
    """The server's greeting and its answer to EHLO, which names the client's address."""
    await c.server("220 mail.example.org")
    await c.client("EHLO client.example")
    await c.server(f"250-mail.example.org Hello client.example [{address}]")
    await c.until("250 ")


async def test_the_clients_address_decides(tmp_path: Path) -> None:
    async with proxied(tmp_path) as server:
        port = server.ports["plain"]
        for header, address, may_relay in (
            (V1.format("192.0.2.9").encode(), "192.0.2.9", True),
            (V1.format("198.51.100.9").encode(), "198.51.100.9", False),
            (version_2("192.0.2.9"), "192.0.2.9", True),
            (b"PROXY TCP6 2001:db8::9 ::1 4711 25\r\n", "2001:db8::9", False),
            (b"PROXY UNKNOWN\r\n", "127.0.0.1", False),
            (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "127.0.0.1", False),
        ):
            async with conversation(port) as c:
                await c.octets(header)
                await is_hello_of(c, address)
                await c.client("MAIL FROM:<a@foreign.example>", RELAY, "QUIT")
                await c.server("250 2.1.0", "250 2.1.5" if may_relay else "530 5.7.0", "221 ")
        await stands_in_received(server)
        await counts_for_limits(server)
        await nothing_else_is_let_in(server)


async def stands_in_received(server: Server) -> None:
    async with conversation(server.ports["plain"]) as c:
        await c.octets(V1.format("192.0.2.9").encode())
        await is_hello_of(c, "192.0.2.9")
        await c.client("MAIL FROM:<a@foreign.example>", "RCPT TO:<bob@example.org>", "DATA", "Subject: x", "", ".")
        await c.server("250 ", "250 ", "354 ", "250 2.6.0")
    await eventually(lambda: idle(server))
    (message,) = await messages(server, BOB)
    assert b"Received: from 192.0.2.9 (EHLO client.example) ([192.0.2.9])" in message


async def counts_for_limits(server: Server) -> None:
    for name, refusal, welcome in (("plain", "421 4.7.0 Too many connections", "220 "), ("imap", "* BYE", "* OK")):
        async with contextlib.AsyncExitStack() as stack:
            answers = []
            for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"):
                c = await stack.enter_async_context(conversation(server.ports[name]))
                await c.octets(version_2(address))
                answers.append(await c.line())
            assert all(answer.startswith(welcome) for answer in answers[:3])
            assert answers[3].startswith(refusal)
            await c.closed()


async def nothing_else_is_let_in(server: Server) -> None:
    port = server.ports["plain"]
    for octets in (
        b"EHLO client.example\r\n",
        b"PROXY TCP4 x y 1 2\r\n",
        b"\r\n\r\n\x00\r\nQUIT\n\x31\x11\x00\x0c" + bytes(12),
    ):
        async with conversation(port) as c:
            await c.octets(octets)
            await c.reset()
    async with conversation(server.ports["doubted"]) as c:
        await c.reset()
    async with conversation(server.ports["believed"]) as c:
        await c.octets(version_2("192.0.2.9"))
        await is_hello_of(c, "192.0.2.9")
    async with conversation(server.ports["limited"]) as waiting, conversation(server.ports["limited"]) as c:
        # the first one is waiting for its header, which counts
        await c.reset()
        await waiting.octets(version_2("192.0.2.9"))
        await waiting.server("220 ")


async def header_and_handshake(folder: Path) -> None:
    async with proxied(folder) as server:
        for together in (True, False):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["implicit"])
            tls = TlsByHand(reader, writer)
            header = version_2("192.0.2.9")
            if not together:
                writer.write(header)
                await writer.drain()
                header = b""
            # the command comes with the handshake's last octets
            await tls.shake_hands(header)
            answer = await tls.say(b"EHLO client.example\r\n")
            while b"Hello" not in answer:
                answer += await tls.say(b"")
            assert answer.startswith(b"220 mail.example.org")
            assert b"Hello client.example [192.0.2.9]" in answer
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["inside"], ssl=client_context())
        c = Conversation(reader, writer)
        await c.octets(version_2("192.0.2.9"))
        await is_hello_of(c, "192.0.2.9")
        writer.close()
        async with conversation(server.ports["starttls"]) as c:
            await c.octets(version_2("192.0.2.9"))
            await is_hello_of(c, "192.0.2.9")
            await c.client("STARTTLS")
            await c.server("220 ")
            await c.start_tls()
            await c.client("EHLO client.example")
            await c.server("250-mail.example.org Hello client.example [192.0.2.9]")
        # neither a handshake that goes wrong nor one that is broken off keeps a connection
        async with conversation(server.ports["implicit"]) as c:
            await c.octets(version_2("192.0.2.9") + b"EHLO client.example\r\n")
            await c.until_closed()


async def test_the_header_precedes_the_handshake_or_follows_it(tmp_path: Path) -> None:
    await header_and_handshake(tmp_path)


def test_the_same_on_the_loop_that_serves(tmp_path: Path) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(header_and_handshake(tmp_path))


async def test_a_header_that_does_not_come_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "HEADER_SECONDS", 0.05)
    async with proxied(tmp_path) as server, conversation(server.ports["plain"]) as c:
        await c.octets(b"PROXY TCP4 ")
        await c.reset()


@needs("swaks")
@pytest.mark.parametrize("version", ["1", "2"])
async def test_swaks_comes_through_a_proxy(tmp_path: Path, version: str) -> None:
    async with proxied(tmp_path) as server:
        done = await asyncio.to_thread(
            subprocess.run,
            ["swaks", "--server", "127.0.0.1", "--port", str(server.ports["plain"]), "--to", "bob@example.org",
             "--from", "a@foreign.example", "--proxy-version", version, "--proxy-family", "TCP4" if version == "1" else "AF_INET",
             "--proxy-source", "192.0.2.9", "--proxy-source-port", "4711", "--proxy-dest", "10.0.0.1",
             "--proxy-dest-port", "25", *(["--proxy-protocol", "STREAM", "--proxy-command", "PROXY"] if version == "2" else [])],
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert "[192.0.2.9]" in done.stdout, done.stdout + done.stderr
        assert done.returncode == 0
