"""The hooks that ask CrowdSec, at the wire, against a server on loopback with the answers of its local API."""

import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.settings import Problems, Severity
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.server import IMAP, running
from tests.dialogues.crowdsec import BAN, NOTHING
from tests.filter_servers import LocalApi, local_api

CONNECT = '<handler class="org.apache.james.crowdsec.CrowdsecSMTPConnectHandler"/>'
EHLO = '<handler class="org.apache.james.CrowdsecEhloHook"/>'
CAPTCHA = BAN.replace(b'"ban"', b'"captcha"')


@contextlib.asynccontextmanager
async def guarded(folder: Path, api: LocalApi, handlers: str, timeout: str = "1 min") -> AsyncIterator[Conversation]:
    properties = f"crowdsecUrl={api.url}\napiKey=secret-key\ntimeout={timeout}\n"
    async with (
        running(folder, handlers=handlers, files={"crowdsec.properties": properties}) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        yield c


async def test_a_banned_client_is_turned_away_before_the_greeting(tmp_path: Path) -> None:
    async with local_api(BAN) as api, guarded(tmp_path, api, CONNECT) as c:
        await c.server("554 5.7.1 Rejected: your address is banned")
        await c.closed()
    (request,) = api.requests
    assert request.startswith("GET /v1/decisions?ip=127.0.0.1 HTTP/1.1\r\n")
    assert "x-api-key: secret-key\r\n" in request.lower()


async def test_a_banned_client_is_refused_at_helo_and_asked_about_once(tmp_path: Path) -> None:
    async with local_api(BAN) as api, guarded(tmp_path, api, EHLO) as c:
        await c.client("EHLO client.example", "HELO client.example", "MAIL FROM:<ann@a.example>")
        await c.server("220 ", "554 5.7.1 Rejected: your address is banned", "554 5.7.1", "503 5.5.0")
    assert len(api.requests) == 1


@pytest.mark.parametrize("answer", [NOTHING, b"[]", CAPTCHA])
async def test_other_clients_pass(tmp_path: Path, answer: bytes) -> None:
    async with local_api(answer) as api, guarded(tmp_path, api, CONNECT + EHLO) as c:
        await c.client("HELO client.example")
        await c.server("220 ", "250 ")
    assert len(api.requests) == 1


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b'{"message":"access forbidden"}', "403 Forbidden"),
        (BAN, "302 Found"),
        (b"not JSON", "200 OK"),
        (b'{"type":"ban"}', "200 OK"),
        (b"[" + b" " * 2_000_000 + BAN[1:], "200 OK"),
    ],
)
async def test_an_answer_that_is_none_bans_nobody(tmp_path: Path, answer: bytes, status: str) -> None:
    async with local_api(answer, status) as api, guarded(tmp_path, api, CONNECT + EHLO) as c:
        await c.client("HELO client.example")
        await c.server("220 ", "250 ")
    assert len(api.requests) == 1, "after a question without an answer nobody asks for a while"


async def test_a_silent_api_keeps_nobody_waiting(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with local_api(None) as api, guarded(tmp_path, api, CONNECT + EHLO, "50 ms") as c:
            await c.client("HELO client.example")
            await c.server("220 ", "250 ")
    assert "secret-key" not in caplog.text


def imap(check: str = "org.apache.james.crowdsec.CrowdsecImapConnectionCheck") -> str:
    element = f"<additionalConnectionChecks>{check}</additionalConnectionChecks>"
    return IMAP.format(ssl="false").replace("<auth>", element + "<auth>")


@pytest.mark.parametrize(
    ("answer", "greeting"), [(BAN, "* BYE Your address is banned."), (NOTHING, "* OK [CAPABILITY ")]
)
async def test_imap_asks_before_its_greeting(tmp_path: Path, answer: bytes, greeting: str) -> None:
    async with local_api(answer) as api:
        files = {"crowdsec.properties": f"crowdsecUrl={api.url}\napiKey=x\ntimeout=1 min\n", "imapserver.xml": imap()}
        async with running(tmp_path, files=files) as server, conversation(server.ports["imap"]) as c:
            await c.client("a LOGIN bob@example.org secret")
            await c.server(greeting)
            if answer is NOTHING:
                await c.until("a OK")
            else:
                await c.closed()


@pytest.mark.parametrize(
    ("check", "complaint"),
    [("CrowdsecImapConnectionCheck", "the check needs crowdsec.properties"), ("CrowdsecImapCheck", "did you mean")],
)
async def test_a_wrong_check_is_told(tmp_path: Path, check: str, complaint: str) -> None:
    (tmp_path / "imapserver.xml").write_text(imap(check))
    assert any(complaint in one for one in await complaints(tmp_path))


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        (None, "the handler needs crowdsec.properties"),
        ("crowdsecUrl=http://127.0.0.1:8080/v1\n", "needs 'apiKey'"),
        ("crowdsecUrl=127.0.0.1:8080\napiKey=x\n", "must begin with http://"),
        ("crowdsecUrl=http://127.0.0.1/v1\napiKey=x\napikei=y\n", "unknown 'apikei'"),
    ],
)
async def test_a_wrong_configuration_is_told(tmp_path: Path, properties: str | None, complaint: str) -> None:
    (tmp_path / "smtpserver.xml").write_text(
        f"<smtpservers><smtpserver><handlerchain>{EHLO}</handlerchain></smtpserver></smtpservers>"
    )
    if properties is not None:
        (tmp_path / "crowdsec.properties").write_text(properties)
    assert any(complaint in one for one in await complaints(tmp_path))


async def complaints(folder: Path) -> list[str]:
    problems = Problems()
    await check(folder, folder / "data", problems)
    return [problem.message for problem in problems.of(Severity.ERROR)]
