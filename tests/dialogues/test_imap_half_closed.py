"""A client that sends its commands and closes its side gets its answers, and then the connection ends."""

import asyncio
from pathlib import Path

import pytest

from compostela.testing.imap_session import MESSAGE
from compostela.testing.server import running

SECONDS = 30.0
LOGIN = b"a LOGIN bob@example.org secret\r\n"
APPEND = b"b APPEND INBOX {%d+}\r\n%b\r\n" % (len(MESSAGE), MESSAGE.encode())


@pytest.mark.parametrize("last", [b"c FETCH 1 BODY[]\r\n", b"c NOOP\r\n", b"c SEARCH ALL\r\n"])
async def test_all_commands_are_answered(tmp_path: Path, last: bytes) -> None:
    async with running(tmp_path) as server, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["imap"])
        await reader.readline()
        writer.write(LOGIN + APPEND + b"s SELECT INBOX\r\n" + last)
        writer.write_eof()
        answers = await reader.read()
        writer.close()
        await writer.wait_closed()
    for tag in (b"a OK", b"b OK", b"s OK", b"c OK"):
        assert b"\r\n" + tag in b"\r\n" + answers


async def test_a_client_that_goes_while_nothing_is_done_is_let_go(tmp_path: Path) -> None:
    async with running(tmp_path) as server, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["imap"])
        await reader.readline()
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


async def test_a_message_that_is_cut_is_not_stored(tmp_path: Path) -> None:
    async with running(tmp_path) as server, asyncio.timeout(SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["imap"])
        await reader.readline()
        writer.write(LOGIN + APPEND[:-10])
        writer.write_eof()
        answers = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"a OK" in answers
    assert b"b OK" not in answers
