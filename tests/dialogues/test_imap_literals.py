"""After an announced literal nothing but its octets follows (RFC 3501 §4.3), whatever becomes of the body."""

import os
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.imap_session import MESSAGE, log_in, selected
from compostela.testing.server import running
from tests.dialogues.no_descriptors import no_descriptors_left

HEADER = "From: a@b.example\r\nSubject: Large\r\n\r\n"
LINE = "x" * 76 + "\r\n"
LARGE = HEADER + LINE * 6000
"""About 460 kB: its body is in a file."""
SECTIONS = ["BODY[]", "BODY.PEEK[TEXT]", "BODY[1]", "BODY[]<300000.1000>", "RFC822", "(FLAGS UID BODY[HEADER] BODY[])"]


def body_file(folder: Path) -> Path:
    """The only one."""
    (found,) = [path for path in (folder / "data" / "blobs").rglob("*") if path.stat().st_size > 256 * 1024]
    return found


async def refuses_and_goes_on(c: Conversation, what: str) -> None:
    await c.client(f"f1 FETCH 1 {what}")
    await c.server("f1 NO [UNAVAILABLE] FETCH processing failed.")
    await c.client("f2 FETCH 1 (UID BODY.PEEK[HEADER])")
    await c.server("* 1 FETCH (UID 1 BODY[HEADER] {", "From:", "Subject:", "", ")")
    await c.until("f2 OK ")


@pytest.mark.parametrize("what", SECTIONS)
async def test_fetch_announces_no_literal_when_the_body_file_is_missing(tmp_path: Path, what: str) -> None:
    async with running(tmp_path) as server, selected(server, LARGE) as c:
        body_file(tmp_path).unlink()
        await refuses_and_goes_on(c, what)


@pytest.mark.parametrize("what", SECTIONS)
async def test_fetch_announces_no_literal_when_the_body_file_is_cut(tmp_path: Path, what: str) -> None:
    async with running(tmp_path) as server, selected(server, LARGE) as c:
        os.truncate(body_file(tmp_path), 100_000)
        await refuses_and_goes_on(c, what)


@pytest.mark.parametrize("what", SECTIONS)
async def test_fetch_announces_no_literal_when_there_are_no_descriptors(tmp_path: Path, what: str) -> None:
    async with running(tmp_path) as server, selected(server, LARGE) as c:
        with no_descriptors_left():
            await refuses_and_goes_on(c, what)
        await c.client("f3 FETCH 1 BODY.PEEK[TEXT]")
        assert f"* 1 FETCH (BODY[TEXT] {{{len(LARGE) - len(HEADER)}}}" in await c.until("f3 OK ")


async def test_messages_before_a_lost_body_are_given_whole(tmp_path: Path) -> None:
    async with running(tmp_path) as server, selected(server, MESSAGE, LARGE) as c:
        body_file(tmp_path).unlink()
        await c.client("f1 FETCH 1:2 BODY[]")
        await c.server(
            "* 1 FETCH (BODY[] {", "From:", "Subject:", "", "Text.", " FLAGS (\\Seen \\Recent))", "f1 NO [UNAVAILABLE]"
        )
        await c.client("n NOOP")
        # it was marked as seen before its body was found to be lost
        await c.server("* 2 FETCH (FLAGS (\\Seen \\Recent))", "n OK ")


@pytest.mark.parametrize("start", [0, 200_000])
async def test_a_body_cut_while_it_is_sent_ends_the_connection_within_the_literal(tmp_path: Path, start: int) -> None:
    huge = HEADER + LINE * 400_000
    async with running(tmp_path) as server, selected(server, huge) as c:
        await c.client(f"f1 FETCH 1 (BODY.PEEK[]<{start}.{len(huge)}> BODY.PEEK[] UID)", "f2 NOOP")
        await c.server(f"* 1 FETCH (BODY[]<{start}> {{{len(huge) - start}}}")
        # the client has read no more yet: what the buffers hold is under way, the rest is not
        os.truncate(body_file(tmp_path), 1_000_000)
        rest = await c.until_closed()
        assert len(rest) < len(huge) - start
        assert huge.encode()[start:].startswith(rest)
        async with conversation(server.ports["imap"]) as other:
            await log_in(other)
