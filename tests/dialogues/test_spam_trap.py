"""SpamTrapHandler and the MTA-STS hooks at the wire."""

import logging
from pathlib import Path

import pytest

from compostela.testing.conversation import conversation
from compostela.testing.server import running
from tests.dialogues.hooks import NETWORK, with_hooks

TRAP = "<spamTrapRecip>Ann@example.org, old@example.net</spamTrapRecip>"
REFUSED = "554 5.7.1 Rejected: mail from your address is refused for some time"


def trap(parameters: str = TRAP) -> str:
    return f'<handler class="org.apache.james.smtpserver.fastfail.SpamTrapHandler">{parameters}</handler>'


async def test_who_writes_to_a_trap_is_refused_from_then_on_in_other_connections_too(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=trap()) as server:
        async with conversation(server.ports["smtp"]) as c:
            await c.server("220 ")
            await c.client("HELO client.example", "MAIL FROM:<ann@a.example>", "RCPT TO:<bob@example.org>")
            await c.server("250 ", "250 2.1.0", "250 2.1.5")
            await c.client("RCPT TO:<ann@EXAMPLE.org>", "RCPT TO:<bob@example.org>", "QUIT")
            await c.server(REFUSED, REFUSED, "221 ")
        async with conversation(server.ports["smtp"]) as c:
            await c.server("220 ")
            await c.client("HELO client.example", "MAIL FROM:<ann@a.example>", "RCPT TO:<bob@example.org>")
            await c.server("250 ", "250 2.1.0", REFUSED)


async def test_a_block_ends(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, trap(TRAP + "<blockTime>0</blockTime>")) as (c, _):
        await c.client("MAIL FROM:<ann@a.example>", "RCPT TO:<old@example.net>", "RCPT TO:<bob@example.org>")
        await c.server("250 2.1.0", REFUSED, "250 2.1.5")


async def test_who_may_relay_is_not_trapped(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, trap(), elements=NETWORK) as (c, _):
        await c.client("MAIL FROM:<ann@a.example>", "RCPT TO:<old@example.net>", "RCPT TO:<bob@example.org>")
        await c.server("250 2.1.0", "250 2.1.5", "250 2.1.5")


async def test_mail_without_tls_is_refused_and_taken_under_tls(tmp_path: Path) -> None:
    handler = '<handler class="org.apache.james.smtpserver.tls.EnforceMtaSts"/>'
    async with with_hooks(tmp_path, handler) as (c, _):
        await c.client("MAIL FROM:<ann@a.example>", "STARTTLS")
        await c.server("571 5.7.1 Mail is taken under TLS only", "220 ")
        await c.start_tls()
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client("MAIL FROM:<ann@a.example>")
        await c.server("250 2.1.0")


async def test_mail_without_tls_is_logged_in_testing_mode(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    handler = '<handler class="org.apache.james.smtpserver.tls.TestMtaSts"/>'
    with caplog.at_level(logging.WARNING):
        async with with_hooks(tmp_path, handler) as (c, _):
            await c.client("MAIL FROM:<ann@a.example>", "RSET", "STARTTLS")
            await c.server("250 2.1.0", "250 2.0.0", "220 ")
            await c.start_tls()
            await c.client("EHLO client.example")
            await c.until("250 ")
            await c.client("MAIL FROM:<ann@a.example>")
            await c.server("250 2.1.0")
    assert [record.message for record in caplog.records if "MTA-STS" in record.message] == [
        "mail without TLS, against the MTA-STS policy"
    ]
