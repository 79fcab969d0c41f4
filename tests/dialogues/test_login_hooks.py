"""POP before SMTP, and accounts in the configuration, at the wire."""

import base64
from pathlib import Path

import pytest

from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import SMTP, running
from tests.dialogues.authentication import greet, scram
from tests.dialogues.login_hooks import BEFORE, JAMES, far

ACCOUNTS = f"""<handler class="{JAMES}.ConfigurationAuthHook"><accounts>
<account><username>fax@example.org</username><passwords><password>one</password><password>two</password></passwords></account>
<account><username>copier@example.org</username><passwords><password>paper</password></passwords></account>
</accounts></handler>"""


async def read_mail(port: int, password: str, source: str = "127.0.0.1", answer: str = "a OK") -> None:
    async with conversation(port, source) as c:
        await c.server("* OK")
        await c.client(f"a LOGIN bob@example.org {password}")
        await c.until(answer)


async def test_who_has_read_mail_may_relay_for_a_time(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=BEFORE.format("<expireTime>1 hour</expireTime>")) as server:
        smtp, imap = server.ports["smtp"], server.ports["imap"]
        await read_mail(imap, "wrong", answer="a NO")
        async with conversation(smtp) as c:
            assert (await far(c)).startswith("530 5.7.0")
        await read_mail(imap, "secret")
        async with conversation(smtp) as c:
            assert (await far(c)).startswith("250 2.1.5")
        async with conversation(smtp, "127.0.0.2") as c:
            assert (await far(c)).startswith("530 5.7.0")


async def test_logins_count_for_thirty_days_at_most(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="30 days"):
        async with running(tmp_path, handlers=BEFORE.format("<expireTime>31 days</expireTime>")):
            pass


async def test_a_login_at_smtp_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=BEFORE.format("")) as server:
        async with conversation(server.ports["smtp"]) as c:
            await log_in(c, "bob@example.org", "secret", "235 2.7.0")
        async with conversation(server.ports["smtp"]) as c:
            assert (await far(c)).startswith("530 5.7.0")


async def test_the_time_ends(tmp_path: Path) -> None:
    async with running(tmp_path, handlers=BEFORE.format("<expireTime>0</expireTime>")) as server:
        await read_mail(server.ports["imap"], "secret")
        async with conversation(server.ports["smtp"]) as c:
            assert (await far(c)).startswith("530 5.7.0")


async def log_in(c: Conversation, user: str, password: str, answer: str) -> None:
    await greet(c)
    await c.client("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())
    await c.server(answer)


@pytest.mark.parametrize(
    ("user", "password", "answer"),
    [
        ("fax@example.org", "one", "235 2.7.0"),
        ("Fax@Example.org", "two", "235 2.7.0"),
        ("copier@example.org", "paper", "235 2.7.0"),
        ("copier@example.org", "one", "535 5.7.8"),
        ("bob@example.org", "secret", "235 2.7.0"),
        ("bob@example.org", "one", "535 5.7.8"),
        ("nobody@example.org", "one", "535 5.7.8"),
    ],
)
async def test_accounts_log_in_beside_the_users(tmp_path: Path, user: str, password: str, answer: str) -> None:
    async with running(tmp_path, handlers=ACCOUNTS) as server, conversation(server.ports["smtp"]) as c:
        await log_in(c, user, password, answer)


async def test_an_account_relays_and_logs_in_by_scram_with_its_first_password(tmp_path: Path) -> None:
    smtp = SMTP.replace("</auth>", "<saslMechanisms>SCRAM-SHA-256</saslMechanisms></auth>")
    async with running(tmp_path, handlers=ACCOUNTS, smtp=smtp) as server, conversation(server.ports["smtp"]) as c:
        await greet(c)
        for password, answer in ((b"two", "535 5.7.8"), (b"one", "235 2.7.0")):
            said = await scram(c, "SCRAM-SHA-256", password=password, user="fax@example.org")
            assert said.startswith(answer)
        await c.client("MAIL FROM:<fax@example.org>", "RCPT TO:<x@far.example>", "RSET", "MAIL FROM:<bob@example.org>")
        await c.server("250 2.1.0", "250 2.1.5", "250 2.0.0", "503 5.7.1")


async def test_accounts_are_of_one_server_alone(tmp_path: Path) -> None:
    one = SMTP.removeprefix("<smtpservers>").removesuffix("</smtpservers>")
    other = one.replace("<jmxName>smtp<", "<jmxName>other<").replace("{handlers}", "")
    servers = f"<smtpservers>{one}{other}</smtpservers>"
    async with running(tmp_path, handlers=ACCOUNTS, smtp=servers) as server:
        for name, answer in (("smtp", "235 2.7.0"), ("other", "535 5.7.8")):
            async with conversation(server.ports[name]) as c:
                await log_in(c, "fax@example.org", "one", answer)
        async with conversation(server.ports["imap"]) as c:
            await c.server("* OK")
            await c.client("a LOGIN fax@example.org one")
            await c.until("a NO")


async def test_scram_does_not_tell_which_accounts_there_are(tmp_path: Path) -> None:
    told = []
    for handlers in ("", ACCOUNTS, ""):
        smtp = SMTP.replace("<announce>", "<saslMechanisms>SCRAM-SHA-256</saslMechanisms><announce>")
        async with (
            running(tmp_path, smtp=smtp, handlers=handlers) as server,
            conversation(server.ports["smtp"]) as c,
        ):
            await greet(c)
            await c.client("AUTH SCRAM-SHA-256 " + base64.b64encode(b"n,,n=fax@example.org,r=clientnonce").decode())
            told.append(base64.b64decode((await c.server("334 "))[4:]).partition(b",s=")[2])
    assert told == [told[0]] * 3
