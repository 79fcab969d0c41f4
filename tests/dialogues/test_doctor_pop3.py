"""The diagnosis of POP3 servers."""

from pathlib import Path

import pytest

from compostela.core.autoconfiguration.endpoints import Speaks
from compostela.doctor.model import Account, Finding, Severity
from compostela.testing.server import BOB, PASSWORD
from tests.dialogues.examined import Examined, examined
from tests.dialogues.pop3_server import MECHANISMS, POP3, TLS


def files(*, ssl: bool = True, tls: str = TLS) -> dict[str, str]:
    return {"pop3server.xml": POP3.format(tls=tls, ssl=str(ssl).lower(), auth=MECHANISMS, elements="")}


def of_pop3(server: Examined, found: list[Finding]) -> list[Finding]:
    (endpoint,) = (one for one in server.subject.endpoints if one.speaks is Speaks.POP3)
    return [one for one in found if one.subject == str(endpoint)]


async def test_a_sound_server_is_found_to_be_so(tmp_path: Path) -> None:
    async with examined(tmp_path, ssl=True, files=files()) as server:
        for check in ("ports", "tls", "passwords"):
            assert [one.severity for one in of_pop3(server, await server.findings(check))] == [Severity.OK], check
        assert of_pop3(server, await server.findings("relay")) == []


async def test_passwords_in_clear_text_are_an_error(tmp_path: Path) -> None:
    async with examined(tmp_path, files=files(ssl=False)) as server:
        (found,) = of_pop3(server, await server.findings("passwords"))
        assert (found.severity, "takes passwords without TLS" in found.what) == (Severity.ERROR, True)


async def test_a_port_without_tls_is_an_error(tmp_path: Path) -> None:
    async with examined(tmp_path, files=files(ssl=False, tls="")) as server:
        (found,) = of_pop3(server, await server.findings("tls"))
        assert (found.severity, "offers no TLS" in found.what) == (Severity.ERROR, True)


@pytest.mark.parametrize(
    ("password", "severity", "text"),
    [(PASSWORD, Severity.OK, "logged in to"), ("not-the-password", Severity.ERROR, "could not log in to")],
)
async def test_a_user_logs_in(tmp_path: Path, password: str, severity: Severity, text: str) -> None:
    async with examined(tmp_path, ssl=True, files=files()) as server:
        found = await server.findings("account", account=Account(str(BOB), password))
        (login,) = of_pop3(server, found)
        assert (login.severity, text in login.what) == (severity, True)
        assert not [one for one in found if "not-the-password" in str(one)]


async def test_names_and_passwords_of_all_kinds_are_tried(tmp_path: Path) -> None:
    users = {"müller@example.org": 'päss w"ör\\d'}
    utf8 = '<handler class="SmtpUtf8MailHook"/><handler class="SmtpUtf8RcptHook"/>'
    async with examined(tmp_path, files=files(), users=users, handlers=utf8) as server:
        found = await server.findings("account", account=Account(*next(iter(users.items()))))
        assert [one.severity for one in found] == [Severity.OK] * 3, found
