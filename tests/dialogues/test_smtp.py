"""SMTP at the wire: replies, the relay rule, smuggling, AUTH, STARTTLS."""

import base64
from pathlib import Path

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.model.username import Username
from compostela.testing.conversation import conversation
from compostela.testing.server import running
from tests.dialogues.smtp import begin, greet, plain

EHLO = ["250-mail.example.org Hello client.example [127.0.0.1]"]


async def test_a_mail_is_accepted_and_pipelining_works(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.client("Subject: x", "", "..dot", "text", ".", "QUIT")
        await c.server("250 2.6.0 Message received", "221 2.0.0 mail.example.org Service closing transmission channel")
        await c.closed()


@pytest.mark.parametrize(
    ("commands", "answer"),
    [
        (["MAIL FROM:<a@b.example>"], "250 2.1.0 Sender <a@b.example> OK"),
        (["MAIL FROM:<>"], "250 2.1.0 Sender <> OK"),
        (["MAIL FROM:<a@b.example>", "MAIL FROM:<a@b.example>"], "503 5.5.0 Sender already specified"),
        (["MAIL"], "501 5.5.4 Usage: MAIL FROM:<sender>"),
        (["MAIL FROM:a@b.example"], "501 5.1.7 Syntax error in MAIL command"),
        (["MAIL FROM:<a@@b>"], "501 5.1.7 Syntax error in sender address"),
        (["MAIL FROM:<a@b.example> SIZE=x"], "501 5.5.4 Syntactically incorrect value for SIZE parameter"),
        (["MAIL FROM:<a@b.example> SIZE=99999999"], "552 5.3.4 Message size exceeds fixed maximum message size"),
        (["MAIL FROM:<a@b.example> FOO=1"], "555 5.5.4 Unrecognized or unsupported option: FOO"),
        (["MAIL FROM:<a@b.example> SIZE=1 size=2"], "501 5.5.4 Syntax error in parameters, or one that is given twice"),
        (["MAIL FROM:<a@b.example> =1"], "501 5.5.4 Syntax error in parameters"),
        (["MAIL FROM:<a@b.example> SIZE=1=2"], "501 5.5.4 Syntax error in parameters"),
        (["MAIL FROM:<a@b.example> BODY=9BIT"], "501 5.5.4 Syntactically incorrect value for BODY parameter"),
        (["MAIL FROM:<a@b.example> body=8bitmime"], "250 2.1.0"),
        (["MAIL FROM:<a@b.example> AUTH=<> BODY=7BIT SIZE=12"], "250 2.1.0"),
        (["MAIL FROM:<a@b.example> AUTH=e+3Dmc2@example.com"], "250 2.1.0"),
        (["MAIL FROM:<a@b.example> AUTH=+zz"], "501 5.5.4 Syntactically incorrect value for AUTH parameter"),
        (["MAIL FROM:<a@b.example> AUTH"], "501 5.5.4 Syntactically incorrect value for AUTH parameter"),
        (["MAIL FROM:<a@b.example> SMTPUTF8"], "555 5.5.4 Unrecognized or unsupported option: SMTPUTF8"),
        (["MAIL FROM:<renée@b.example>"], "550 5.6.7 An internationalised address needs SMTPUTF8"),
        (["MAIL FROM:<a@bücher.example>"], "550 5.6.7 An internationalised address needs SMTPUTF8"),
        (["MAIL FROM:<>", "RCPT TO:<renée@example.org>"], "553 5.6.7 An internationalised address needs SMTPUTF8"),
        (["RCPT TO:<bob@example.org>"], "503 5.5.0 Need MAIL before RCPT"),
        (["MAIL FROM:<>", "RCPT"], "501 5.5.2 Usage: RCPT TO:<recipient>"),
        (["MAIL FROM:<>", "RCPT TO:bob@example.org"], "501 5.5.2 Syntax error in parameters or arguments"),
        (["MAIL FROM:<>", "RCPT TO:<bob@@example.org>"], "553 5.1.3 Syntax error in recipient address"),
        (["MAIL FROM:<>", "RCPT TO:<bob@example.org> X=1"], "555 5.5.4 Unrecognized or unsupported option: X"),
        (["MAIL FROM:<>", "RCPT TO:<nobody@example.org>"], "550 5.1.1 Unknown user: nobody@example.org"),
        (["MAIL FROM:<>", "RCPT TO:<x@elsewhere.example>"], "530 5.7.0 Authentication Required"),
        (["MAIL FROM:<>", "RCPT TO:<@hop.example:x@elsewhere.example>"], "530 5.7.0 Authentication Required"),
        (["MAIL FROM:<>", "RCPT TO:<x%elsewhere.example@example.org>"], "550 5.1.1 Unknown user"),
        (["MAIL FROM:<>", "RCPT TO:<postmaster@example.org>"], "250 2.1.5 Recipient <postmaster@example.org> OK"),
        (["MAIL FROM:<bob@example.org>"], "530 5.7.0 Authentication Required"),
        (["DATA"], "503 5.5.0 No sender specified"),
        (["DATA now"], "500 5.5.4 Unexpected argument provided with DATA command"),
        (["MAIL FROM:<>", "DATA"], "503 5.5.0 No recipients specified"),
        (["NOOP"], "250 2.0.0 OK"),
        (["RSET"], "250 2.0.0 OK"),
        (["RSET x"], "500 5.5.4"),
        (["VRFY bob"], "252 2.5.2"),
        (["EXPN list"], "502 5.3.3"),
        (["HELP"], "214 2.0.0"),
        (["FOO"], "500 5.5.1 Command FOO unrecognized."),
        (["AUTH"], "501 5.5.4 Usage: AUTH (authentication type) <challenge>"),
        (["AUTH CRAM-MD5"], "504 5.5.4 Unrecognized Authentication Type"),
        (["AUTH PLAIN !!!"], "501 5.5.2 Could not decode parameters for AUTH PLAIN"),
        ([f"AUTH PLAIN {plain('bob@example.org', 'wrong')}"], "535 5.7.8 Authentication Failed"),
        ([f"AUTH PLAIN {plain('bob@example.org')}"], "235 2.7.0 Authentication Successful"),
        ([f"AUTH PLAIN {plain('bob@example.org')}", "AUTH PLAIN"], "503 5.5.0 User has previously authenticated"),
        (["STARTTLS now"], "501 5.5.4 Syntax error (no parameters allowed)"),
        (["EHLO"], "501 5.5.4"),
    ],
)
async def test_replies(tmp_path: Path, commands: list[str], answer: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for command in commands[:-1]:
            await c.client(command)
            await c.server("2")
        await c.client(commands[-1])
        await c.server(answer)


async def test_a_login_that_cannot_be_checked_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(name: Username, password: str) -> Username | None:
        raise TemporaryFailure("the directory is away")

    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        monkeypatch.setattr(server.under_test.services.users, "authenticate", broken)
        await c.client(f"AUTH PLAIN {plain('bob@example.org')}", "NOOP")
        await c.server("451 4.3.0 Unable to process request", "250 2.0.0 OK")


async def test_what_a_hook_says_is_one_line(tmp_path: Path) -> None:
    text = f"<role>rcpt</role><answer>deny</answer><text>no&#13;&#10;250 2.1.5 yes&#x85;{'é' * 1000}</text>"
    handler = f'<handler class="tests.dialogues.scripted_hook.ScriptedHook">{text}</handler>'
    async with running(tmp_path, handlers=handler) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("MAIL FROM:<>", "RCPT TO:<bob@example.org>", "NOOP")
        await c.server("250 2.1.0")
        answer = await c.server("554 no 250 2.1.5 yes éé")
        assert len(answer.encode()) <= 510
        assert not any(character.isspace() and character != " " for character in answer)
        await c.server("250 2.0.0 OK")


async def test_mail_needs_a_greeting_first(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("503 5.5.0 Need HELO or EHLO before MAIL")


@pytest.mark.parametrize(
    "octets",
    [
        b"x\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r.\rMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\n.\r\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b"x\r\r\n.\r\r\nMAIL FROM:<evil@x.example>\r\n.\r\n",
        b".\nMAIL FROM:<evil@x.example>\r\n.\r\n",
    ],
)
async def test_a_bare_line_end_never_ends_a_message(tmp_path: Path, octets: bytes) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.octets(octets)
        await c.server("500 5.0.0 line delimiter must be CRLF")
        await c.closed()
        assert await server.store.queues.queue("spool").size() == 0


async def test_a_message_that_is_too_large_is_swallowed(tmp_path: Path) -> None:
    async with running(tmp_path, size="10K") as server, conversation(server.ports["smtp"]) as c:
        await begin(c)
        await c.octets(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n" * 20_000 + b".\r\n")
        await c.server("552 5.3.4 Quota exceeded")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")


async def test_an_endless_line_is_thrown_away(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.octets(b"NOOP " + b"x" * 300_000 + b"\r\n")
        await c.server("500 5.5.2 Line length exceeded. See RFC 2821 #4.5.3.1.")
        await c.client("NOOP")
        await c.server("250 2.0.0 OK")


async def test_login_with_prompts_and_starttls(tmp_path: Path) -> None:
    async with running(tmp_path, ssl=True) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        assert not any("AUTH" in line for line in await c.until("250 "))
        await c.client("STARTTLS")
        await c.server("220 2.0.0 Ready to start TLS")
        await c.start_tls()
        await c.client("EHLO client.example")
        features = await c.until("250 ")
        assert "250-AUTH LOGIN PLAIN" in features
        assert not any("STARTTLS" in line for line in features)
        await c.client("AUTH LOGIN")
        await c.server("334 VXNlcm5hbWU6")
        await c.client(base64.b64encode(b"bob@example.org").decode())
        await c.server("334 UGFzc3dvcmQ6")
        await c.client(base64.b64encode(b"secret").decode())
        await c.server("235 ")
        await c.client("STARTTLS")
        await c.server("500 5.5.1 TLS already active")


async def test_who_has_logged_in_gets_no_tls(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client("AUTH PLAIN " + base64.b64encode(b"\0bob@example.org\0secret").decode(), "STARTTLS", "NOOP")
        await c.server("235 ", "501 5.5.4 STARTTLS is not allowed: already authenticated", "250 2.0.0")


async def test_what_was_said_before_starttls_is_answered_before_the_handshake(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("HELO client.example", "NOOP", "STARTTLS")
        await c.server("250 ", "250 2.0.0", "220 2.0.0")
        await c.start_tls()
        await c.client("HELO client.example")
        await c.server("250 ")


async def test_nothing_said_before_tls_lives_on(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client("STARTTLS", "MAIL FROM:<a@b.example>")
        await c.server("451 ")
        await c.closed()


async def test_an_authenticated_user_sends_only_as_himself(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        await c.client(f"AUTH PLAIN {plain('bob@example.org')}")
        await c.server("235 ")
        await c.client("MAIL FROM:<ann@example.org>")
        await c.server("503 5.7.1 Incorrect Authentication for Specified Email Address")
        await c.client("MAIL FROM:<bob@example.org>", "RCPT TO:<x@elsewhere.example>", "DATA")
        await c.server("250 2.1.0", "250 2.1.5", "354")
        await c.client("From: ann@example.org", "", "x", ".")
        await c.server("503 5.7.1 Incorrect Authentication for Specified Email Address")
        await c.client("MAIL FROM:<bob@example.org>", "RCPT TO:<ann@example.org>", "DATA")
        await c.server("250 2.1.0", "250 2.1.5", "354")
        await c.client("Subject: no from", "", "x", ".")
        await c.server("503 5.5.4 Missing From header")


async def test_quotes_that_say_nothing_lead_to_the_same_mailbox(tmp_path: Path) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("HELO client.example", "MAIL FROM:<a@b.example>", r'RCPT TO:<"b\ob"@example.org>')
        await c.server("250 ", "250 2.1.0", "250 2.1.5 Recipient <bob@example.org> OK")


@pytest.mark.parametrize("literal", ["IPv6:zz", "999.1.1.1", "1.2.3", "IPv6:::1:2:3:4:5:6:7:8:9"])
async def test_a_sender_with_a_bad_address_literal(tmp_path: Path, literal: str) -> None:
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.client("EHLO client.example", f"MAIL FROM:<x@[{literal}]>")
        await c.until("250 ")
        await c.server("501 5.1.7")
