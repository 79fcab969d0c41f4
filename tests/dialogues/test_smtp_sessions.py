"""SMTP sessions at the wire: greetings, what hooks may answer, what ends a session, what a message gets."""

import base64
import re
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB, SMTP, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.smtp_extensions import KEEPING, NETWORK, kept, log_in
from tests.dialogues.smtp_sessions import refused, scripted

WITHOUT_AUTH = SMTP.replace(
    "<auth><announce>always</announce><requireSSL>{ssl}</requireSSL></auth>", "{elements}", 1
).replace("{elements}<maxmessagesize>", "<maxmessagesize>", 1)
"""The form of a configuration without an `auth` block."""


async def greet(c: Conversation, verb: str = "EHLO") -> list[str]:
    await c.server("220 ")
    await c.client(f"{verb} client.example")
    return await c.until("250 ")


async def transact(c: Conversation, *answers: str) -> None:
    """As far as the answers go."""
    commands = ["MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA", "Subject: x\r\n\r\nhello\r\n."]
    for command, answer in zip(commands, answers, strict=False):
        await refused(c, command, answer)


# greetings


async def test_the_greeting_and_the_answers_to_it(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        assert re.fullmatch(r"220 mail\.example\.org SMTP Server \(.*\) ready", await c.line())
        await c.client("HELO client.example", "EHLO client.example")
        await c.server("250 mail.example.org Hello client.example [127.0.0.1]")
        assert (await c.until("250 "))[0] == "250-mail.example.org Hello client.example [127.0.0.1]"


async def test_a_greeting_of_ones_own(tmp_path: Path) -> None:
    elements = "<smtpGreeting>welcome, no spam</smtpGreeting>"
    async with running(tmp_path, elements=elements) as server, conversation(server.ports["smtp"]) as c:
        assert await c.line() == "220 welcome, no spam"


@pytest.mark.parametrize("verb", ["HELO", "EHLO"])
async def test_a_greeting_ends_the_transaction(tmp_path: Path, verb: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await transact(c, "250 2.1.0", "250 2.1.5")
        await c.client(f"{verb} again.example")
        await c.until("250 ")
        await refused(c, "DATA", "503 5.5.0 No sender specified")


@pytest.mark.parametrize(
    "name", ["client.example", "localhost", "a-b.example", "[127.0.0.1]", "127.0.0.1", "[IPv6:::1]", "::1", "x1"]
)
@pytest.mark.parametrize("verb", ["HELO", "EHLO"])
async def test_names_that_a_client_may_have(tmp_path: Path, verb: str, name: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client(f"{verb} {name}")
        assert f"Hello {name} [127.0.0.1]" in (await c.until("250 "))[0]


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("HELO", "501 5.5.4"),
        ("EHLO", "501 5.5.4"),
        ("HELO a b", "501 5.5.2"),
        ("HELO bad!name", "501 5.5.2"),
        ("HELO " + "x" * 64 + ".example", "501 5.5.2"),
        ("EHLO a b", "501 5.5.2"),
        ("EHLO a\x07b", "501 5.5.2"),
        ("EHLO " + "x." * 200, "501 5.5.2"),
    ],
)
async def test_names_that_a_client_may_not_have(tmp_path: Path, command: str, answer: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await refused(c, command, answer)
        await refused(c, "MAIL FROM:<>", "503 5.5.0 Need HELO or EHLO before MAIL")


async def test_the_greeting_need_not_be_enforced(tmp_path: Path) -> None:
    elements = (
        "<heloEhloEnforcement>false</heloEhloEnforcement><addressBracketsEnforcement>false</addressBracketsEnforcement>"
    )
    async with running(tmp_path, elements=elements) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await refused(c, "MAIL FROM:a@b.example SIZE=10", "250 2.1.0 Sender <a@b.example> OK")
        await refused(c, "RCPT TO:bob@example.org", "250 2.1.5 Recipient <bob@example.org> OK")


# AUTH in old and new configurations


@pytest.mark.parametrize(
    ("elements", "shown", "answer"),
    [
        ("", False, "235 "),
        ("<authRequired>false</authRequired>", False, "500 5.5.1 Command AUTH unrecognized."),
        ("<handler><authRequired>false</authRequired></handler>", False, "500 5.5.1 Command AUTH unrecognized."),
        ("<authRequired>false</authRequired><auth><requireSSL>false</requireSSL></auth>", False, "235 "),
        ("<authRequired>announce</authRequired><auth><requireSSL>false</requireSSL></auth>", True, "235 "),
        ("<authRequired>true</authRequired><auth><requireSSL>false</requireSSL></auth>", True, "235 "),
        (f"{NETWORK}<authRequired>true</authRequired><auth><requireSSL>false</requireSSL></auth>", False, "235 "),
        ("<auth><announce>forUnauthorizedAddresses</announce><requireSSL>false</requireSSL></auth>", True, "235 "),
        ("<auth><announce>never</announce><requireSSL>false</requireSSL></auth>", False, "235 "),
    ],
)
async def test_who_sees_auth(tmp_path: Path, elements: str, shown: bool, answer: str) -> None:
    async with (
        running(tmp_path, smtp=WITHOUT_AUTH, elements=elements) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        features = await greet(c)
        assert ("250-AUTH LOGIN PLAIN" in features, "250-AUTH=LOGIN PLAIN" in features) == (shown, shown)
        await c.client("STARTTLS")
        await c.server("220 ")
        await c.start_tls()
        token = base64.b64encode(b"\x00bob@example.org\x00secret").decode()
        await refused(c, f"AUTH PLAIN {token}", answer)


async def test_a_refused_relay_says_how_when_auth_is_announced_and_only_no_when_it_is_not(tmp_path: Path) -> None:
    async with running(tmp_path, smtp=WITHOUT_AUTH) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await transact(c, "250 ")
        await refused(c, "RCPT TO:<x@y.example>", "550 5.7.1 Requested action not taken: relaying denied")


async def test_an_authentication_can_be_given_up(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "AUTH LOGIN", "334 ")
        await refused(c, "*", "501 5.7.1 Authentication aborted")
        await refused(c, "AUTH PLAIN", "334 ")
        await refused(c, "no base64!", "501 5.5.2 Could not decode parameters for AUTH PLAIN")
        await log_in(c)


async def test_an_answer_may_be_longer_than_a_command(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "AUTH PLAIN", "334 ")
        token = base64.b64encode(b"\x00bob@example.org\x00" + b"x" * 9000).decode()
        await refused(c, token, "535 5.7.8 Authentication Failed")


async def test_an_answer_that_is_too_long_ends_the_exchange(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "AUTH PLAIN", "334 ")
        await refused(c, "A" * 13_000, "500 5.5.6 Authentication Exchange line is too long")
        await refused(c, "NOOP", "250 2.0.0 OK")
        await refused(c, "NOOP " + "x" * 13_000, "500 5.5.2 Line length exceeded")
        await log_in(c)


async def test_starttls_where_it_is_not_offered(tmp_path: Path) -> None:
    smtp = SMTP.replace('startTLS="true"', 'startTLS="false"')
    async with running(tmp_path, smtp=smtp) as server, conversation(server.ports["smtp"]) as c:
        assert not any("STARTTLS" in line for line in await greet(c))
        await refused(c, "STARTTLS", "500 5.5.1 Command STARTTLS unrecognized.")


async def test_starttls_behind_a_login_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        await refused(c, "STARTTLS", "501 5.5.4")


async def test_a_session_begins_anew_behind_starttls(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await transact(c, "250 ", "250 ")
        await refused(c, "STARTTLS", "220 2.0.0 Ready to start TLS")
        await c.start_tls()
        await refused(c, "MAIL FROM:<a@b.example>", "503 5.5.0 Need HELO or EHLO before MAIL")
        await refused(c, "DATA", "503 5.5.0 No sender specified")


async def test_words_like_starttls_in_a_message_are_words(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<starttls@b.example>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client("STARTTLS", "", "STARTTLS", "MAIL FROM:<>", ".", "NOOP")
        await c.server("250 2.6.0", "250 2.0.0")


# addresses without a domain


async def test_addresses_without_a_domain_get_the_default(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await log_in(c)
        await refused(c, "MAIL FROM:<bob>", "250 2.1.0 Sender <bob@example.org> OK")
        await refused(c, "RCPT TO:<ann>", "250 2.1.5 Recipient <ann@example.org> OK")


# the end


async def test_quit_with_an_argument_closes_all_the_same(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await refused(c, "QUIT now", "500 5.5.4 Unexpected argument provided with QUIT command")
        await c.closed()


async def test_who_says_all_at_once_and_no_more_gets_all_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        message = ["DATA", "Subject: x", "", "hello", "."]
        await c.client("HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", *message)
        await c.end()
        await c.server("220 ", "250 ", "250 2.1.0", "250 2.1.5", "354 ", "250 2.6.0")
        await c.closed()


async def test_too_many_errors_end_a_session(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(*["FOO"] * 30)
        await c.until("421 4.7.0")
        await c.closed()


async def test_recipients_beyond_the_limit_do_not_cost_the_mail(tmp_path: Path) -> None:
    limit = '<handler class="MaxRcptHandler"><maxRcpt>2</maxRcpt></handler>'
    async with (
        running(tmp_path, handlers=limit, container=KEEPING) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        recipients = ["RCPT TO:<bob@example.org>"] * 100
        await c.client("MAIL FROM:<>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>", *recipients, "DATA")
        await c.server("250 ", "250 ", "250 ", *("452 4.5.3" for _ in recipients), "354 ")
        await c.client("Subject: x", "", ".")
        await c.server("250 2.6.0")
        assert [str(one) for one in (await kept(server)).recipients] == [str(BOB), str(ANN)]


async def test_recipients_beyond_the_limit_are_not_tried_for_ever(tmp_path: Path) -> None:
    limit = '<handler class="MaxRcptHandler"><maxRcpt>1</maxRcpt></handler>'
    async with running(tmp_path, handlers=limit) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await transact(c, "250 ", "250 ")
        await c.client(*["RCPT TO:<ann@example.org>"] * 1000)
        assert len(await c.until("421 4.7.0")) == 1001
        await c.closed()


# what is said of commands


@pytest.mark.parametrize("verb", [b"\x00", b"FO\xc3\xbc\x1b[1m", b"\x80"])
async def test_only_printable_ascii_is_said_of_an_unknown_command(tmp_path: Path, verb: bytes) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.octets(verb + b"\r\n")
        answer = await c.server("500 5.5.1 Command ")
        assert answer.isascii()
        assert answer.isprintable()


async def test_each_command_keeps_its_answer_when_the_last_one_fails(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=scripted("rcpt", "raise")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await c.client("NOOP", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 2.0.0 OK", "250 2.1.0", "451 4.3.0 Unable to process request")
        await c.closed()


# hooks


@pytest.mark.parametrize(
    ("role", "answers"),
    [
        ("connect", ["{}"]),
        ("mail", ["220 ", "250 ", "{}", "503 5.5.0 Need MAIL"]),
        ("rcpt", ["220 ", "250 ", "250 ", "{}", "503 5.5.0 No recipients"]),
        ("message", ["220 ", "250 ", "250 ", "250 ", "354 ", "{}"]),
    ],
)
@pytest.mark.parametrize(
    ("answer", "more", "reply"),
    [
        ("deny", "", "554 Email rejected"),
        ("denysoft", "", "451 Temporary problem. Please try again later"),
        ("deny", "<code>571</code><enhanced>5.7.9</enhanced><text>No.</text>", "571 5.7.9 No."),
        ("denysoft", "<code>450</code><enhanced>4.2.0</enhanced><text>Later.</text>", "450 4.2.0 Later."),
    ],
)
async def test_a_hook_refuses(
    tmp_path: Path, role: str, answers: list[str], answer: str, more: str, reply: str
) -> None:
    commands = ["HELO client.example", "MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA", "x\r\n."]
    async with (
        running(tmp_path, handlers=scripted(role, answer, more)) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        expected = [one.format(reply) for one in answers]
        await c.server(expected[0])
        for command, said in zip(commands, expected[1:], strict=False):
            await refused(c, command, said)
        if role == "connect":
            await c.closed()


async def test_a_hook_may_hang_up(tmp_path: Path) -> None:
    handlers = scripted("mail", "deny", "<code>521</code><text>Go away</text><disconnect>true</disconnect>")
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "NOOP")
        await c.server("521 Go away")
        await c.closed()


async def test_a_sender_that_was_refused_is_forgotten(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=scripted("mail", "denysoft")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await refused(c, "MAIL FROM:<a@b.example>", "451 ")
        await refused(c, "RCPT TO:<bob@example.org>", "503 5.5.0 Need MAIL before RCPT")


async def test_who_accepts_first_hides_those_behind(tmp_path: Path) -> None:
    handlers = scripted("rcpt", "ok") + scripted("rcpt", "deny")
    smtp = SMTP.replace('<handler class="ValidRcptHandler"/>', "")
    async with running(tmp_path, smtp=smtp, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await transact(c, "250 ", "250 2.1.5", "354 ")


async def test_a_hook_that_knows_a_command(tmp_path: Path) -> None:
    handlers = scripted("unknown", "deny", "<code>502</code><enhanced>5.5.1</enhanced><text>Not here</text>")
    async with running(tmp_path, handlers=handlers) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "ETRN x", "502 5.5.1 Not here")


async def test_a_mail_that_cannot_be_received_now_is_deferred(tmp_path: Path) -> None:
    async with (
        running(tmp_path, handlers=scripted("message", "fail")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await transact(c, "250 ", "250 ", "354 ", "451 4.0.0 Error processing message.")
        await refused(c, "NOOP", "250 2.0.0 OK")


@pytest.mark.parametrize("role", ["mail", "rcpt", "message"])
async def test_an_unexpected_error_is_an_answer_too(tmp_path: Path, role: str) -> None:
    async with (
        running(tmp_path, handlers=scripted(role, "raise")) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await c.client("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.org>", "DATA", "x", ".")
        await c.until("451 4.3.0 Unable to process request")
        await c.closed()
        assert await server.store.queues.queue("spool").size() == 0


# what a message gets


@pytest.mark.parametrize(
    ("verb", "tls", "login", "protocol"),
    [
        ("HELO", False, False, "SMTP"),
        ("EHLO", False, False, "ESMTP"),
        ("EHLO", True, False, "ESMTPS"),
        ("EHLO", False, True, "ESMTPA"),
        ("EHLO", True, True, "ESMTPSA"),
    ],
)
async def test_the_received_field(tmp_path: Path, verb: str, tls: bool, login: bool, protocol: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c, verb)
        if tls:
            await refused(c, "STARTTLS", "220 ")
            await c.start_tls()
            await c.client(f"{verb} client.example")
            await c.until("250 ")
        if login:
            await log_in(c)
        await c.client("MAIL FROM:<bob@example.org>" if login else "MAIL FROM:<>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client("From: <bob@example.org>" if login else "From: a@b.example", "", ".")
        await c.server("250 ")
        await eventually(lambda: idle(server))
        (message,) = await messages(server, BOB)
        received = message[message.index(b"Received: ") :].partition(b"\r\nFrom: ")[0].decode()
        using = r"\r\n {10}\(using TLSv1\.\d with cipher [A-Z0-9_-]+\)" if tls else ""
        assert re.fullmatch(
            rf"Received: from 127\.0\.0\.1 \({verb} client\.example\) \(\[127\.0\.0\.1\]\){using}\r\n"
            rf" {{10}}by mail\.example\.org \(.*\) with {protocol} ID [^ ]+\r\n"
            r" {10}for <bob@example\.org>;\r\n {10}\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} \+0000 \(UTC\)",
            received,
        )


async def test_a_client_of_ipv6_stands_in_the_received_field_as_a_literal(tmp_path: Path) -> None:
    smtp = SMTP.replace("127.0.0.1:0", "[::1]:0")
    async with (
        running(tmp_path, smtp=smtp, container=KEEPING) as server,
        conversation(server.ports["smtp"], "::1") as c,
    ):
        await greet(c)
        await transact(c, "250 ", "250 ", "354 ", "250 ")
        beginning = b"Received: from [IPv6:::1] (EHLO client.example) ([IPv6:::1])\r\n"
        assert (await kept(server)).content.header.startswith(beginning)


async def test_a_name_does_not_break_out_of_its_comment(tmp_path: Path) -> None:
    async with running(tmp_path, container=KEEPING) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO a)(b\\")
        await c.until("250 ")
        await transact(c, "250 ", "250 ", "354 ", "250 ")
        assert rb" (EHLO a\)\(b\\) ([127.0.0.1])" in (await kept(server)).content.header


async def test_with_several_recipients_none_is_shown(tmp_path: Path) -> None:
    async with running(tmp_path, container=KEEPING) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<>", "RCPT TO:<bob@example.org>", "RCPT TO:<ann@example.org>", "DATA")
        await c.server("250 ", "250 ", "250 ", "354 ")
        await c.client("Subject: x", "", ".")
        await c.server("250 ")
        assert b"for <" not in (await kept(server)).content.header


async def test_the_attributes_of_a_mail(tmp_path: Path) -> None:
    async with (
        running(tmp_path, container=KEEPING, elements=NETWORK) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await greet(c)
        await transact(c, "250 ", "250 ", "354 ", "250 ")
        mail = await kept(server)
        assert re.fullmatch(r"Mail\d{13}-.+", mail.name)
        assert mail.remote_address == "127.0.0.1"
        assert mail.attributes["org.apache.james.HELO"] == "client.example"
        assert mail.attributes["org.apache.james.SMTPSessionID"]
        assert mail.attributes["org.apache.james.SMTPIsAuthNetwork"] is True
        assert "org.apache.james.SMTPAuthUser" not in mail.attributes
        assert "org.apache.james.ssl.protocol" not in mail.attributes


async def test_the_attributes_of_a_users_mail(tmp_path: Path) -> None:
    async with running(tmp_path, container=KEEPING) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await refused(c, "STARTTLS", "220 ")
        await c.start_tls()
        await c.client("EHLO client.example")
        await c.until("250 ")
        await log_in(c)
        await c.client("MAIL FROM:<bob@example.org>", "RCPT TO:<ann@example.org>", "DATA")
        await c.server("250 ", "250 ", "354 ")
        await c.client("From: bob@example.org", "", ".")
        await c.server("250 ")
        attributes = (await kept(server)).attributes
        assert attributes["org.apache.james.SMTPAuthUser"] == "bob@example.org"
        assert str(attributes["org.apache.james.ssl.protocol"]).startswith("TLSv1.")
        assert attributes["org.apache.james.ssl.cipher"]
        assert "org.apache.james.SMTPIsAuthNetwork" not in attributes
