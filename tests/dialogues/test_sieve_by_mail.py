"""`ManageSieveMailet`: scripts edited by mail."""

import base64
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import ANN, BOB, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages
from tests.dialogues.sieve import in_mailbox

TO = "sieve@example.org"
MAILET = '<mailet match="RecipientIs=sieve@example.org" class="ManageSieveMailet">{}</mailet>'
AUTH = base64.b64encode(b"\0bob@example.org\0secret").decode()


@contextlib.asynccontextmanager
async def serving(folder: Path, parameters: str = "", *, identity: str = "disabled") -> AsyncIterator[Server]:
    packaged = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    before, state, rest = packaged.partition('<processor state="transport"')
    opening, close, rest = rest.partition(">")
    container = f"{before}{state}{opening}{close}{MAILET.format(parameters)}{rest}"
    users = {str(BOB): "secret", str(ANN): "secret", TO: "secret"}
    async with running(folder, identity=identity, container=container, users=users) as server:
        yield server


async def send(server: Server, mail: EmailMessage, *, sender: str = str(BOB), login: bool = True) -> None:
    mail["From"], mail["To"], mail["Message-ID"] = sender, TO, "<1@client.example>"
    async with conversation(server.ports["smtp"]) as c:
        await _open(c, login)
        await c.client(f"MAIL FROM:<{sender}>", f"RCPT TO:<{TO}>", "DATA")
        await c.until("354")
        await c.octets(mail.as_bytes(policy=email.policy.SMTP) + b"\r\n.\r\n")
        await c.server("250 2.6.0")
    await eventually(lambda: idle(server))


async def _open(c: Conversation, login: bool) -> None:
    await c.server("220 ")
    await c.client("EHLO client.example")
    await c.until("250 ")
    if login:
        await c.client(f"AUTH PLAIN {AUTH}")
        await c.server("235")


def command(
    subject: str, script: bytes | None = None, name: str = "my.sieve", kind: str = "octet-stream"
) -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"] = subject
    mail.set_content("please")
    if script is not None:
        mail.add_attachment(script, "application", kind, filename=name)
    return mail


async def answer(server: Server, mail: EmailMessage) -> EmailMessage:
    """The newest mail in Bob's INBOX after a command."""
    known = len(await messages(server, BOB))
    await send(server, mail)
    *_, last = await messages(server, BOB)
    assert len(await messages(server, BOB)) == known + 1
    return email.message_from_bytes(last, _class=EmailMessage, policy=email.policy.default)


def text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


async def test_a_script_is_put_listed_activated_fetched_and_deleted(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        first = await answer(server, command('PUTSCRIPT "main"', b"keep;\n# \xc3\xa9\n"))
        assert text(first) == "OK\n"
        assert first["Subject"] == 'Re: PUTSCRIPT "main"'
        assert (first["Auto-Submitted"], first["To"], first["From"]) == ("auto-replied", str(BOB), TO)
        assert first["In-Reply-To"] == "<1@client.example>"
        assert text(await answer(server, command('PUTSCRIPT "été"', b"discard;", "x.SIV"))) == "OK\n"
        assert text(await answer(server, command("GETACTIVE"))) == 'NO (NONEXISTENT) "No script is active"\n'
        assert text(await answer(server, command('setactive "main"'))) == "OK\n"
        assert text(await answer(server, command("LISTSCRIPTS"))) == '"main" ACTIVE\n"été"\nOK\n'
        for subject, name, octets in (
            ("GETACTIVE", "main.sieve", b"keep;\n# \xc3\xa9\n"),
            ('GETSCRIPT "été"', "été.sieve", b"discard;"),
        ):
            got = await answer(server, command(subject))
            (attached,) = got.iter_attachments()
            assert text(got) == "OK\n"
            assert (attached.get_content_type(), attached.get_filename()) == ("application/sieve", name)
            assert attached.get_payload(decode=True) == octets
        assert text(await answer(server, command('RENAMESCRIPT "été" "b"'))) == "OK\n"
        assert text(await answer(server, command('DELETESCRIPT "main"'))).startswith("NO (ACTIVE)")
        assert text(await answer(server, command('DELETESCRIPT "b"'))) == "OK\n"
        assert text(await answer(server, command('SETACTIVE ""'))) == "OK\n"
        assert text(await answer(server, command("LISTSCRIPTS"))) == '"main"\nOK\n'
        assert await messages(server, ANN) == []
        assert await in_mailbox(server, BOB, TO) == []


@pytest.mark.parametrize(
    ("mail", "start"),
    [
        (command('PUTSCRIPT "x"', b"keep;\n oops;"), 'NO "Syntax Error: line 2, column 2: '),
        (command("CHECKSCRIPT", b"keep;", "notes.txt", "sieve"), "OK\n"),
        (command("CHECKSCRIPT", b"keep;", "notes.txt"), 'NO "The mail has no script'),
        (command('PUTSCRIPT "x"'), 'NO "The mail has no script'),
        (command("PUTSCRIPT", b"keep;"), 'NO "Missing argument: script"'),
        (command('GETSCRIPT "no"'), "NO (NONEXISTENT)"),
        (command('RENAMESCRIPT "no" "x"'), "NO (NONEXISTENT)"),
        (command('HAVESPACE "x" 100'), "OK\n"),
        (command('HAVESPACE "x" 99999999'), "NO (QUOTA/MAXSIZE)"),
        (command('PUTSCRIPT "x"', b"#" * 300_000), "NO (QUOTA/MAXSIZE)"),
        (command("CAPABILITY"), '"IMPLEMENTATION" "Compostela"\n'),
        (command("HELP"), "You can edit your Sieve scripts by mail."),
        (command("NOOP"), "OK\n"),
        (command("LOGOUT"), 'NO "This command has no meaning by mail"'),
        (command('AUTHENTICATE "PLAIN"'), 'NO "This command has no meaning by mail"'),
        (command("hello"), 'NO "unknown command"'),
        (command(""), 'NO "missing command"'),
        (command('GETSCRIPT "x'), 'NO "a string is not closed"'),
    ],
)
async def test_commands_and_their_answers(tmp_path: Path, mail: EmailMessage, start: str) -> None:
    async with serving(tmp_path) as server:
        assert text(await answer(server, mail)).startswith(start)
        assert await server.store.sieve_scripts.scripts(BOB) == []


@pytest.mark.parametrize(("sender", "login"), [(str(BOB), False), (str(ANN), True)])
async def test_only_users_that_have_logged_in_give_commands_and_only_for_themselves(
    tmp_path: Path, sender: str, login: bool
) -> None:
    """Anybody can write any sender's address into a mail; the mail is then for the reader of that mailbox."""
    async with serving(tmp_path) as server:
        await send(server, command('PUTSCRIPT "x"', b"keep;"), sender=sender, login=login)
        for user in (BOB, ANN):
            assert await server.store.sieve_scripts.scripts(user) == []
            assert await messages(server, user) == []


async def test_an_automatic_mail_is_no_command(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        mail = command("HELP")
        mail["Auto-Submitted"] = "auto-replied"
        await send(server, mail)
        assert await messages(server, BOB) == []


@pytest.mark.parametrize(("cache", "second"), [("true", "first"), ("false", "second")])
async def test_the_help_text_may_be_the_operators_own(tmp_path: Path, cache: str, second: str) -> None:
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "help.txt"
    file.write_text("first")
    parameters = f"<helpURL>file://conf/help.txt</helpURL><cache>{cache}</cache>"
    async with serving(tmp_path, parameters) as server:
        assert text(await answer(server, command("HELP"))) == "first\n"
        file.write_text("second")
        assert text(await answer(server, command("HELP"))) == f"{second}\n"
