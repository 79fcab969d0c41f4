"""Packaged handlers that need no outside service, by James's names, at the wire."""

from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import SMTP, running
from tests.dialogues.smtp_extensions import KEEPING, NETWORK, kept, log_in

JAMES = "org.apache.james.smtpserver"


def handler(name: str, parameters: str = "") -> str:
    return f'<handler class="{name}">{parameters}</handler>'


async def greet(c: Conversation) -> list[str]:
    await c.server("220 ")
    await c.client("EHLO client.example")
    return await c.until("250 ")


async def refused(c: Conversation, command: str, answer: str) -> None:
    await c.client(command)
    await c.server(answer)


async def begin(c: Conversation) -> None:
    await greet(c)
    await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA")
    await c.server("250 ", "250 ", "354 ")


@pytest.mark.parametrize("name", ["SetMimeHeaderHandler", f"{JAMES}.SetMimeHeaderHandler"])
async def test_a_header_field_is_set_in_the_place_of_others(tmp_path: Path, name: str) -> None:
    handlers = handler(name, "<headername>X-Site</headername><headervalue>grün</headervalue>")
    async with (
        running(tmp_path, handlers=handlers, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await begin(c)
        await c.client("x-site: forged", "Subject: x", "", ".")
        await c.server("250 ")
        header = (await kept(server)).content.header
        assert b"X-Site: =?UTF-8?" in header
        assert b"forged" not in header
        assert b"Subject: x\r\n" in header


async def test_an_attribute_is_set(tmp_path: Path) -> None:
    handlers = handler(f"{JAMES}.SetMailAttributeMessageHook", "<name>site</name><value>one</value>")
    async with (
        running(tmp_path, handlers=handlers, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await begin(c)
        await c.client("Subject: x", "", ".")
        await c.server("250 ")
        assert (await kept(server)).attributes["site"] == "one"


@pytest.mark.parametrize(
    ("parameters", "header", "answer"),
    [
        ("", "Subject: x", "250 2.6.0"),
        ("<maxLines>10</maxLines>", "X: y\r\n" * 12, "552 5.3.4"),
        ("", "X: y\r\n" * 600, "552 5.3.4"),
        ("", "To: ann@example.org" + ",\r\n bob@example.org" * 600, "250 2.6.0"),
        ("<maxLines>10</maxLines>", "X: y\r\n z\r\n" * 8 + "X: y", "250 2.6.0"),
        ("<maxLines>10</maxLines>", "X: y\r\n z\r\n" * 9 + "X: y", "552 5.3.4"),
        ("<maxSize>1</maxSize>", "X: " + "y" * 900 + "\r\nZ: " + "y" * 500, "552 5.3.4"),
        ("<maxSize>2K</maxSize>", "X: " + "y" * 900, "250 2.6.0"),
    ],
)
async def test_header_blocks_are_bounded(tmp_path: Path, parameters: str, header: str, answer: str) -> None:
    handlers = handler(f"{JAMES}.EnforceHeaderLimitationsMessageHook", parameters)
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.client(header, "", ".")
        await c.server(answer)


async def test_recipients_are_bounded(tmp_path: Path) -> None:
    handlers = handler(f"{JAMES}.fastfail.MaxRcptHandler", "<maxRcpt>1</maxRcpt>")
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        assert "250-LIMITS RCPTMAX=1" in await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>")
        await c.server("250 ", "250 ", "452 4.5.3 Requested action not taken: max recipients reached")


@pytest.mark.parametrize(("parameters", "count"), [("", 5), ("<maxUnknownCmdCount>2</maxUnknownCmdCount>", 2)])
async def test_unknown_commands_are_bounded(tmp_path: Path, parameters: str, count: int) -> None:
    handlers = handler(f"{JAMES}.fastfail.MaxUnknownCmdHandler", parameters)
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for _ in range(count):
            await refused(c, "FOO", "500 5.5.1 Command FOO unrecognized.")
        await refused(c, "FOO", "521 ")
        await c.closed()


async def test_who_may_relay_gets_recipients_unchecked(tmp_path: Path) -> None:
    handlers = handler(f"{JAMES}.AcceptRecipientIfRelayingIsAllowed") + handler("ValidRcptHandler")
    smtp = SMTP.replace('<handler class="ValidRcptHandler"/>', "")
    async with running(tmp_path, smtp=smtp, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<>", "RCPT TO:<nobody@example.org>", "RSET")
        await c.server("250 ", "550 5.1.1 Unknown user: nobody@example.org", "250 ")
        await log_in(c)
        await c.client("MAIL FROM:<>", "RCPT TO:<nobody@example.org>")
        await c.server("250 ", "250 2.1.5")


@pytest.mark.parametrize(
    "recipient", ["postmaster@example.org", "PostMaster@example.org", "abuse@example.org", "postmaster"]
)
async def test_nobody_refuses_a_postmasters_mail(tmp_path: Path, recipient: str) -> None:
    handlers = handler("tests.dialogues.scripted_hook.ScriptedHook", "<role>rcpt</role><answer>deny</answer>")
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", f"RCPT TO:<{recipient}>", "RCPT TO:<bob@example.org>")
        await c.server("250 ", "250 2.1.5", "554 ")


async def test_the_postmaster_of_another_domain_is_no_exception(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<postmaster@elsewhere.example>")
        await c.server("250 ", "530 5.7.0")


async def test_the_package_without_auth(tmp_path: Path) -> None:
    smtp = SMTP.replace("<handlerchain>", f'<handlerchain coreHandlersPackage="{JAMES}.NoAuthCmdHandlerLoader">')
    async with (
        running(tmp_path, smtp=smtp, elements=NETWORK) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        assert not any("AUTH" in line for line in await greet(c))
        await refused(c, "AUTH PLAIN", "500 5.5.1 Command AUTH unrecognized.")
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<x@elsewhere.example>")
        await c.server("250 ", "250 ")


async def test_core_handlers_may_be_named_and_stay_where_they_are(tmp_path: Path) -> None:
    handlers = "".join(
        handler(f"{JAMES}.{name}")
        for name in (
            "CoreCmdHandlerLoader",
            "AddDefaultAttributesMessageHook",
            "SendMailHandler",
            "UsersRepositoryAuthHook",
        )
    )
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.client("Subject: x", "", ".")
        await c.server("250 2.6.0 Message received")
        await log_in(c)
