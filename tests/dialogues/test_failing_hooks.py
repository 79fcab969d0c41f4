"""SMTP hooks that raise `TemporaryFailure`: the client may try again, in the same session."""

from pathlib import Path

import pytest

from compostela.testing.conversation import conversation
from compostela.testing.server import running
from tests.dialogues.smtp_sessions import refused, scripted


@pytest.mark.parametrize(
    ("role", "commands"),
    [
        ("helo", ["EHLO other.example"]),
        ("mail", ["MAIL FROM:<a@b.example>"]),
        ("rcpt", ["MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>"]),
        ("unknown", ["WHAT"]),
    ],
)
async def test_a_hook_that_fails_for_now_defers_and_the_session_goes_on(
    tmp_path: Path, role: str, commands: list[str]
) -> None:
    async with (
        running(tmp_path, handlers=scripted(role, "fail"), identity="disabled") as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        if role != "helo":
            await c.client("EHLO client.example")
            await c.until("250 ")
        for command in commands[:-1]:
            await refused(c, command, "250 ")
        for _ in range(2):
            await refused(c, commands[-1], "451 4.3.0 Unable to process request")
        await refused(c, "RSET", "250 2.0.0 OK")


async def test_a_hook_that_fails_for_now_at_connect_defers(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=scripted("connect", "fail")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("451 4.3.0 Unable to process request")
        await c.closed()
