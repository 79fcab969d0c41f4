"""What the log tells at debug level: sessions, logins, commands and deliveries, and never a secret."""

import base64
import logging
from pathlib import Path

import pytest

from compostela.adapters.dns.resolver import DnspythonResolver
from compostela.core.dns.ports import DnsNoSuchName
from compostela.core.dns.settings import DnsSettings
from compostela.net.smtp.session import SmtpServerSession
from compostela.testing.conversation import conversation
from compostela.testing.name_server import name_server
from compostela.testing.server import running
from compostela.testing.waiting import eventually
from tests.dialogues.managesieve import MANAGESIEVE
from tests.dialogues.pop3_server import POP3, TLS
from tests.dialogues.processing import NETWORK, idle, next_hop, send

SECRET = "Geheimnis-Xyzzy"
USER = "bob@example.org"
PLAIN = base64.b64encode(f"\0{USER}\0{SECRET}".encode()).decode()
WRONG = base64.b64encode(f"\0{USER}\0{SECRET}-wrong".encode()).decode()
NAME_64, SECRET_64 = (base64.b64encode(one.encode()).decode() for one in (USER, SECRET))
SIEVE_SCRIPT = f'redirect "{SECRET}@example.org";'

Events = list[dict[str, object]]


@pytest.fixture
def debug(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "compostela")
    return caplog


def events(log: pytest.LogCaptureFixture, text: str) -> Events:
    """The fields of the events with this text."""
    return [vars(record) for record in log.records if record.getMessage() == text]


async def ended(log: pytest.LogCaptureFixture) -> str:
    """The reason of the first session that has ended."""

    async def look() -> str | None:
        return next((str(one["reason"]) for one in events(log, "session ends")), None)

    return await eventually(look)


def no_secret(log: pytest.LogCaptureFixture) -> None:
    told = "\n".join(repr(vars(record)) + record.getMessage() for record in log.records)
    for secret in (SECRET, PLAIN, WRONG, SECRET_64, NAME_64):
        assert secret not in told, secret


async def test_smtp_without_secrets(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, users={USER: SECRET}) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        # a client whose AUTH is refused may go on with its credentials
        await c.client("AUTH NONE", NAME_64, SECRET_64, f"AUTH {SECRET_64}", f"PASS {SECRET}")
        for _ in range(5):
            await c.server("5")
        await c.client(f"AUTH PLAIN {WRONG}")
        await c.server("535 ")
        await c.client("AUTH LOGIN", NAME_64, SECRET_64)
        await c.server("334 ", "334 ", "235 ")
        await c.client(f"MAIL FROM:<{USER}>", "QUIT")
        await c.server("250 ", "221 ")
        await c.closed()
        assert await ended(debug) == "QUIT"
    no_secret(debug)
    told = [str(one["command"]) for one in events(debug, "command")]
    assert "EHLO client.example" in told
    assert f"MAIL FROM:<{USER}>" in told
    assert told.count("(an answer to AUTH)") == 2
    refused = events(debug, "login refused")
    assert [one["method"] for one in refused] == ["unknown", "unknown", "PLAIN"]
    (login,) = events(debug, "login succeeded")
    assert (login["method"], login["user"], login["ip"]) == ("LOGIN", USER, "127.0.0.1")
    (begun,) = events(debug, "session begins")
    assert (begun["trace"], begun["tls"]) == (events(debug, "session ends")[0]["trace"], False)


async def test_imap_without_secrets(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path, users={USER: SECRET}) as server, conversation(server.ports["imap"]) as c:
        await c.server("* OK")
        await c.client(f"a LOGIN {USER} {SECRET}-wrong", "b AUTHENTICATE NONE", SECRET_64, f"{SECRET_64} {SECRET}")
        await c.server("a NO", "b NO", SECRET_64, SECRET_64)
        await c.client(f"c AUTHENTICATE PLAIN {WRONG}", f'd LOGIN {USER} "{SECRET}"', "e SELECT INBOX", "f LOGOUT")
        await c.until("f OK")
        await c.closed()
        assert await ended(debug) == "LOGOUT"
    no_secret(debug)
    told = [str(one["command"]) for one in events(debug, "command")]
    assert "LOGIN Login()" in told
    assert any(one.startswith("SELECT ") and "INBOX" in one for one in told)
    assert any(str(one["reply"]).startswith("e OK") for one in events(debug, "reply"))
    assert [one["method"] for one in events(debug, "login refused")] == ["password", "unknown", "PLAIN"]
    assert [one["method"] for one in events(debug, "login succeeded")] == ["password"]


async def test_pop3_without_secrets(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    files = {"pop3server.xml": POP3.format(tls=TLS, ssl="false", auth="", elements="")}
    async with running(tmp_path, users={USER: SECRET}, files=files) as server, conversation(server.ports["pop3"]) as c:
        await c.server("+OK")
        await c.client("AUTH NONE", SECRET_64, f"APOP {USER} {SECRET}", f"AUTH PLAIN {WRONG}")
        await c.server("-ERR", "-ERR", "-ERR", "-ERR")
        await c.client(f"USER {USER}", f"PASS {SECRET}", "STAT", "QUIT")
        await c.server("+OK", "+OK", "+OK 0 0", "+OK")
        await c.closed()
        assert await ended(debug) == "QUIT"
    no_secret(debug)
    assert [one["command"] for one in events(debug, "command")][-3:] == ["Pass()", "Stat()", "Quit()"]
    assert "+OK 0 0" in [one["reply"] for one in events(debug, "reply")]
    assert [one["method"] for one in events(debug, "login succeeded")] == ["password"]


async def test_managesieve_without_secrets(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    files = {"managesieveserver.xml": MANAGESIEVE.format(ssl="false")}
    async with running(tmp_path, users={USER: SECRET}, files=files) as server, conversation(server.ports["sieve"]) as c:
        await c.until("OK")
        await c.client(f'AUTHENTICATE "PLAIN" "{WRONG}"', f'"{SECRET_64}"', f'AUTHENTICATE "PLAIN" "{PLAIN}"')
        await c.server("NO", "NO", "OK")
        await c.client(f'PUTSCRIPT "x" {{{len(SIEVE_SCRIPT)}+}}', SIEVE_SCRIPT, "LOGOUT")
        await c.server("OK", "OK")
        await c.closed()
        assert await ended(debug) == "LOGOUT"
    no_secret(debug)
    assert [one["method"] for one in events(debug, "login succeeded")] == ["PLAIN"]
    assert "PutScript(name='x')" in [one["command"] for one in events(debug, "command")]


async def test_why_a_session_ends(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as server:
        async with conversation(server.ports["imap"]) as c:
            await c.server("* OK")
        assert await ended(debug) == "the client closed the connection"
        debug.clear()
        async with conversation(server.ports["smtp"]) as c:
            await c.server("220 ")
            await server.under_test.listeners[0].stop()
            await c.until_closed()
        assert await ended(debug) == "the server stops"


async def test_nothing_of_it_at_info_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "compostela")
    assert not SmtpServerSession.log.isEnabledFor(logging.DEBUG)
    async with running(tmp_path) as server, conversation(server.ports["smtp"]) as c:
        await c.server("220 ")
        await c.client("EHLO client.example", "QUIT")
        await c.until("221 ")
    assert not [record for record in caplog.records if record.levelno < logging.INFO]


async def test_dns_queries_and_answers(debug: pytest.LogCaptureFixture) -> None:
    async with name_server({"example.net": {"MX": ["10 mx.example.net."]}}) as dns:
        resolver = DnspythonResolver(DnsSettings(servers=(dns.address,), use_system=False))
        await resolver.exchangers("example.net")
        with pytest.raises(DnsNoSuchName):
            await resolver.ipv4("nowhere.example.net")
    found, missing = events(debug, "DNS answer")
    assert (found["query"], found["type"], found["records"]) == ("example.net", "MX", "10 mx.example.net.")
    assert "does not exist" in str(missing["failure"])


async def test_next_hops_attempts_and_replies(tmp_path: Path, debug: pytest.LogCaptureFixture) -> None:
    async with (
        next_hop(["451 4.7.1 later"]) as (_, container),
        running(tmp_path, container=container, elements=NETWORK) as server,
    ):
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["x@elsewhere.example"], sender="bob@example.org")
        await eventually(lambda: idle(server))
    (first, _) = events(debug, "next hops")
    assert first["domain"] == "elsewhere.example"
    assert "127.0.0.1" in str(first["hops"])
    assert len(events(debug, "delivery attempt")) == 2
    assert [one["reply"] for one in events(debug, "delivery refused")] == ["451 4.7.1 later"]
    assert [one["recipient"] for one in events(debug, "delivery accepted")] == ["x@elsewhere.example"]
    assert any("250 taken" in str(one["reply"]) for one in events(debug, "next hop replies"))
    assert any(one["mailet"] == "RemoteDelivery" for one in events(debug, "a mailet gets a mail"))
