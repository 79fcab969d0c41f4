"""What an operator and the first senders meet, through WebAdmin and SMTP of a whole server."""

import asyncio
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from click.testing import CliRunner

from compostela.app.cli import main
from compostela.testing.conversation import conversation
from compostela.testing.server import BOB, SMTP, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.first_day import WEBADMIN, ask
from tests.dialogues.processing import idle, messages

CHECKED = SMTP.replace(
    '<handler class="ValidRcptHandler"/>',
    '<handler class="ValidRcptHandler"><recipientRewriteTableCheck>anyMappingValid</recipientRewriteTableCheck></handler>',
)
SAMPLE = Path(__file__).parents[2] / "conf"


async def rcpt(server: Server, recipients: Sequence[str]) -> list[str]:
    answers = []
    async with conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        await c.client("MAIL FROM:<a@b.example>")
        await c.server("250 ")
        for one in recipients:
            await c.client(f"RCPT TO:<{one}>")
            answers.append((await c.line())[:3])
    return answers


async def test_a_user_over_an_alias_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        assert await ask(server, "PUT", "/address/aliases/bob@example.org/sources/sales@example.org") == 204
        assert await ask(server, "PUT", "/users/sales@example.org", {"password": "secret"}) == 409
        assert await ask(server, "PUT", "/users/free@example.org", {"password": "secret"}) == 204


async def test_an_unknown_local_part_in_a_domain_alias_is_refused_at_rcpt(tmp_path: Path) -> None:
    assert (SAMPLE / "smtpserver.xml").read_text().count("anyMappingValid") == 3
    async with running(tmp_path, smtp=CHECKED, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        assert await ask(server, "PUT", "/domains/alias.example") == 204
        assert await ask(server, "PUT", "/domains/example.org/aliases/alias.example") == 204
        asked = ["bob@alias.example", "nobody@alias.example", "postmaster@alias.example"]
        assert await rcpt(server, asked) == ["250", "550", "250"]


async def test_mail_for_postmaster_and_abuse_of_an_added_domain_is_delivered(tmp_path: Path) -> None:
    packaged = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml")
    container = packaged.read_text().replace("<postmaster>postmaster<", "<postmaster>bob@example.org<")
    async with running(tmp_path, container=container, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        assert await ask(server, "PUT", "/domains/second.example") == 204
        for role in ("postmaster", "abuse"):
            async with conversation(server.ports["smtp"]) as c:
                await c.server("220 ")
                await c.client("EHLO client.example")
                await c.until("250 ")
                await c.client("MAIL FROM:<a@b.example>", f"RCPT TO:<{role}@second.example>", "DATA")
                await c.server("250 ", "250 ", "354 ")
                await c.client("Subject: hello", "", "Text", ".")
                await c.server("250 ")
        await eventually(lambda: idle(server))
        assert len(await messages(server, BOB)) == 2


async def test_guessing_webadmins_token_ends_in_429(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        answers = [await ask(server, "GET", "/domains", token=f"wrong{number}") for number in range(11)]
        assert answers == [401] * 10 + [429]
        assert await ask(server, "GET", "/domains") == 429
        assert await ask(server, "GET", "/healthcheck") == 200


async def test_bad_utf_8_in_a_body_is_400(tmp_path: Path) -> None:
    async with running(tmp_path, files={"webadmin.properties": WEBADMIN}) as server:
        await server.under_test.start_web()
        for octets in (b'{"password":"\xff"}', b"\xff", b'{"pass\xff":"x"}'):
            assert await ask(server, "PUT", "/users/new@example.org", octets) == 400


async def test_the_doctor_says_when_no_user_reads_postmaster_and_abuse(tmp_path: Path) -> None:
    packaged = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml")
    for number, postmaster in enumerate(("postmaster@example.org", "bob@example.org")):
        container = packaged.read_text().replace("<postmaster>postmaster<", f"<postmaster>{postmaster}<")
        folder = tmp_path / str(number)
        folder.mkdir()
        async with running(folder, container=container, files={"webadmin.properties": WEBADMIN}) as server:
            await server.under_test.start_web()
            port = server.under_test.web_port
            (folder / "conf" / "webadmin.properties").write_text(WEBADMIN.replace("port = 0", f"port = {port}"))
            places = ["--conf", str(folder / "conf"), "--data", str(folder / "data"), "--domain", "example.org"]
            done = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "--check", "roles", "--json", *places])
        found = [(one["severity"], one["subject"]) for one in json.loads(done.stdout)["findings"]]
        unread = [("warning", "postmaster@example.org"), ("warning", "abuse@example.org")]
        assert (found, done.exit_code) == ((unread, 1) if number == 0 else ([("ok", "example.org")], 0))
    done = await asyncio.to_thread(CliRunner().invoke, main, ["doctor", "--check", "roles", *places])
    assert (done.exit_code, "WebAdmin did not tell" in done.output) == (0, True)
