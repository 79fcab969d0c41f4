"""A client may send its first command together with the last octets of the TLS handshake."""

import asyncio
from pathlib import Path

import pytest
import uvloop

from tests.dialogues.tls_by_hand import TlsByHand
from tests.dialogues.tls_server import KEY, running

HEADER = b"PROXY TCP4 192.0.2.9 10.0.0.1 4711 993\r\n"
PROXIED = "<proxyRequired>true</proxyRequired><proxyFirst>true</proxyFirst>"


async def _command_with_the_handshake(folder: Path, elements: str, header: bytes, command: str) -> None:
    async with running(folder, smtp={}, imap={"imaps": KEY}, elements=elements) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["imaps"])
        tls = TlsByHand(reader, writer)
        await tls.shake_hands(header)
        heard = await tls.say(f"a {command}\r\n".encode())
        while b"\r\na OK" not in heard:
            heard += await tls.say(b"")
        assert heard.startswith(b"* OK [CAPABILITY ")
        if command != "LOGOUT":
            assert (await tls.say(b"b NOOP\r\n")).startswith(b"b OK")
        writer.close()


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(("elements", "header"), [("", b""), (PROXIED, HEADER)])
@pytest.mark.parametrize("command", ["NOOP", "CAPABILITY", "LOGOUT"])
def test_a_short_command_that_comes_with_the_handshakes_end(
    tmp_path: Path, loop: type[asyncio.AbstractEventLoop], elements: str, header: bytes, command: str
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(asyncio.wait_for(_command_with_the_handshake(tmp_path, elements, header, command), 20))
