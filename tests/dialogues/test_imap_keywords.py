"""Keywords have limits: in length, for a message, for a mailbox (RFC 5530 §3, LIMIT)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from compostela.testing.conversation import Conversation
from compostela.testing.imap_session import MESSAGE, selected
from compostela.testing.server import IMAP, running

LIMITS = "<maxKeywordsPerMessage>3</maxKeywordsPerMessage><maxKeywordsPerMailbox>5</maxKeywordsPerMailbox></imapserver>"
PER_MESSAGE = "NO [LIMIT] {} failed. A message has at most 3 keywords."
PER_MAILBOX = "NO [LIMIT] {} failed. A mailbox has at most 5 keywords."


@asynccontextmanager
async def limited(folder: Path, messages: int = 3) -> AsyncIterator[Conversation]:
    """A session with INBOX selected."""
    files = {"imapserver.xml": IMAP.format(ssl="false").replace("</imapserver>", LIMITS)}
    async with running(folder, files=files) as server, selected(server, *messages * [MESSAGE]) as c:
        yield c


async def ends(c: Conversation, command: str, answer: str) -> list[str]:
    await c.client(f"x {command}")
    lines = await c.until("x ")
    assert lines[-1].startswith(f"x {answer}"), lines[-1]
    return lines


async def test_a_message_has_a_limited_number_of_keywords(tmp_path: Path) -> None:
    async with limited(tmp_path) as c:
        await ends(c, "STORE 1 FLAGS (k1 k2 k3 k4)", PER_MESSAGE.format("STORE"))
        await ends(c, "STORE 1 FLAGS (k1 k2)", "OK ")
        await ends(c, "STORE 1:2 +FLAGS (k3 k4)", PER_MESSAGE.format("STORE"))
        assert "* 2 FETCH (FLAGS (\\Recent))" in await ends(c, "FETCH 2 FLAGS", "OK ")
        await ends(c, "STORE 2 +FLAGS (k3 k4)", "OK ")
        await ends(c, "STORE 1 +FLAGS (k1 k3 \\Flagged)", "OK ")
        await ends(c, "UID STORE 1 +FLAGS (k4)", PER_MESSAGE.format("UID STORE"))
        await ends(c, "STORE 1 -FLAGS (k1)", "OK ")
        await ends(c, "STORE 1 +FLAGS (k4)", "OK ")
        await ends(c, "STORE 1 FLAGS (k1 k2 k3)", "OK ")
        await ends(c, f"APPEND INBOX (k1 k2 k3 k4) {{{len(MESSAGE)}}}", PER_MESSAGE.format("APPEND"))
        await ends(c, f"APPEND INBOX (k1 k2 k3) {{{len(MESSAGE)}+}}\r\n{MESSAGE}", "OK ")


async def test_a_mailbox_has_a_limited_number_of_keywords(tmp_path: Path) -> None:
    async with limited(tmp_path) as c:
        await ends(c, "STORE 1 FLAGS (k1 k2 k3)", "OK ")
        await ends(c, "STORE 2 FLAGS (k4 k5 k6)", PER_MAILBOX.format("STORE"))
        told = await ends(c, "STORE 2 FLAGS (k4 k5)", "OK ")
        system = "\\Answered \\Deleted \\Draft \\Flagged \\Seen"
        assert f"* OK [PERMANENTFLAGS ({system} k1 k2 k3 k4 k5)] Limited" in told, "without \\*: there is no room"
        await ends(c, "STORE 3 +FLAGS (k6)", PER_MAILBOX.format("STORE"))
        await ends(c, "STORE 3 +FLAGS (k1 k5)", "OK ")
        await ends(c, f"APPEND INBOX (k6) {{{len(MESSAGE)}+}}\r\n{MESSAGE}", PER_MAILBOX.format("APPEND"))
        await ends(c, f"APPEND INBOX (k5) {{{len(MESSAGE)}+}}\r\n{MESSAGE}", "OK ")


async def test_a_copy_brings_no_more_keywords_than_its_target_may_have(tmp_path: Path) -> None:
    async with limited(tmp_path) as c:
        await ends(c, "STORE 1 FLAGS (k1 k2 k3)", "OK ")
        await ends(c, "STORE 2 FLAGS (k4 k5)", "OK ")
        await ends(c, "COPY 2 Archive", "OK ")
        for number in (7, 8, 9):
            await ends(c, f"APPEND Archive (k{number}) {{{len(MESSAGE)}+}}\r\n{MESSAGE}", "OK ")
        await ends(c, "COPY 1 Archive", PER_MAILBOX.format("COPY"))
        await ends(c, "MOVE 1:2 Archive", PER_MAILBOX.format("MOVE"))
        assert "* STATUS Archive (MESSAGES 4)" in await ends(c, "STATUS Archive (MESSAGES)", "OK ")
        await ends(c, "COPY 2:3 Archive", "OK ")
        await ends(c, "MOVE 3 Archive", "OK ")


async def test_a_keyword_has_a_limited_length(tmp_path: Path) -> None:
    async with limited(tmp_path) as c:
        longest, longer = "k" * 255, "k" * 256
        for command in (f"STORE 1 FLAGS ({longer})", f"APPEND INBOX ({longer}) {{{len(MESSAGE)}+}}\r\n{MESSAGE}"):
            name = command.partition(" ")[0]
            await ends(c, command, f"NO [LIMIT] {name} failed. A keyword has at most 255 octets.")
        await ends(c, f"STORE 1 FLAGS ({longest})", "OK ")
        await ends(c, f"STORE 1 -FLAGS ({longer})", "OK ")


async def test_ten_thousand_keywords_in_one_command_are_refused(tmp_path: Path) -> None:
    async with limited(tmp_path) as c:
        await ends(
            c, f"STORE 1 FLAGS ({' '.join(f'k{number}' for number in range(10_000))})", PER_MESSAGE.format("STORE")
        )
        await ends(c, "NOOP", "OK ")
