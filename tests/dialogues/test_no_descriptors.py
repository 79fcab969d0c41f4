"""Messages that come while the system gives no more files are deferred, and their sessions go on."""

import contextlib
from pathlib import Path

from compostela.testing.conversation import conversation
from compostela.testing.imap_session import log_in
from compostela.testing.server import running
from tests.dialogues.no_descriptors import no_descriptors_left

LARGE = "Subject: Large\r\n\r\n" + ("x" * 76 + "\r\n") * 6000
"""About 460 kB: its body goes to a file while it comes."""


async def test_an_append_that_cannot_be_written_is_refused_and_the_session_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["imap"]) as c:
        await log_in(c)
        with no_descriptors_left():
            await c.client(f"a APPEND INBOX {{{len(LARGE)}+}}", LARGE)
            await c.server("a NO [UNAVAILABLE] APPEND processing failed.")
        await c.client(f"b APPEND INBOX {{{len(LARGE)}+}}", LARGE)
        await c.server("b OK [APPENDUID ")


async def test_a_mail_that_cannot_be_written_is_deferred_and_the_session_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, identity="disabled") as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        for answer in ("451 ", "250 2.6.0"):
            await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA")
            await c.server("250 ", "250 ", "354 ")
            with no_descriptors_left() if answer == "451 " else contextlib.nullcontext():
                await c.octets(f"{LARGE}.\r\n".encode())
                await c.server(answer)
