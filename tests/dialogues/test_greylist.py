"""Greylisting at the wire."""

from pathlib import Path

import pytest

from compostela.app.checking import check
from compostela.base.errors import StorageFull
from compostela.base.settings import Problems, Severity
from compostela.core.filtering.ports import SeenTriplet
from compostela.testing.conversation import conversation
from compostela.testing.server import running
from tests.dialogues.hooks import NETWORK, send, with_hooks

AT_ONCE = "<tempBlockTime>0</tempBlockTime>"
COME_AGAIN = "451 4.4.3 Temporary rejected: Please try again later."


def greylist(parameters: str = "", name: str = "org.apache.james.smtpserver.fastfail.JDBCGreylistHandler") -> str:
    return f'<handler class="{name}">{parameters}</handler>'


@pytest.mark.parametrize(
    "name",
    [
        "GreylistHandler",
        "JDBCGreylistHandler",
        "org.apache.james.smtpserver.fastfail.JDBCGreylistHandler",
        "org.apache.james.smtpserver.JDBCGreylistHandler",
    ],
)
async def test_a_stranger_is_asked_to_come_again_and_then_let_in(tmp_path: Path, name: str) -> None:
    async with with_hooks(tmp_path, greylist(AT_ONCE, name)) as (c, _):
        await c.client("MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>", "RSET")
        await c.server("250 2.1.0", COME_AGAIN, "250 2.0.0")
        assert (await send(c, "Subject: x", "", "x")).startswith("250 2.6.0")


async def test_he_is_too_early_for_an_hour(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, greylist()) as (c, _):
        await c.client("MAIL FROM:<ann@sender.example>", *["RCPT TO:<bob@example.org>"] * 3)
        await c.server("250 2.1.0", *[COME_AGAIN] * 3)
        # mail for these is taken from anybody; an unknown recipient is refused for good
        await c.client("RCPT TO:<postmaster@example.org>", "RCPT TO:<nobody@example.org>", "RCPT TO:<x@far.example>")
        await c.server("250 2.1.5", "550 5.1.1", "530 5.7.0")


@pytest.mark.parametrize("networks", ["127.0.0.1", "10.0.0.0/8, 127.*", "localhost/8, ::1"])
async def test_known_networks_are_spared(tmp_path: Path, networks: str) -> None:
    handlers = greylist(f"<whitelistedNetworks>{networks.replace('localhost', '127.0.0.1')}</whitelistedNetworks>")
    async with with_hooks(tmp_path, handlers) as (c, _):
        await c.client("MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>")
        await c.server("250 2.1.0", "250 2.1.5")


async def test_who_may_relay_is_spared(tmp_path: Path) -> None:
    async with with_hooks(tmp_path, greylist(), elements=NETWORK) as (c, _):
        await c.client("MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>")
        await c.server("250 2.1.0", "250 2.1.5")


async def test_another_address_is_another_client_and_a_restart_forgets_nothing(tmp_path: Path) -> None:
    offer = ("HELO client.example", "MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>")
    answers = []
    for sources in (("127.0.0.1", "127.0.0.2"), ("127.0.0.1", "127.0.0.3", "127.0.0.2")):
        async with running(tmp_path, handlers=greylist(AT_ONCE)) as server:
            for source in sources:
                async with conversation(server.ports["smtp"], source) as c:
                    await c.server("220 ")
                    await c.client(*offer)
                    await c.server("250 ", "250 2.1.0")
                    answers.append((await c.line())[:9])
    assert answers == ["451 4.4.3", "451 4.4.3", "250 2.1.5", "451 4.4.3", "250 2.1.5"]


async def test_while_the_store_cannot_be_written_everybody_is_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def full(key: bytes, seen: SeenTriplet) -> None:
        raise StorageFull("on purpose")

    async with running(tmp_path, handlers=greylist()) as server, conversation(server.ports["smtp"]) as c:
        monkeypatch.setattr(server.store.greylist, "remember", full)
        await c.server("220 ")
        await c.client("HELO client.example", "MAIL FROM:<ann@sender.example>", "RCPT TO:<bob@example.org>")
        await c.server("250 ", "250 2.1.0", "250 2.1.5")
    assert "greylisting has no store" in caplog.text


DATABASE = "<repositoryPath>db://maildb/greylist</repositoryPath><sqlFile>file://conf/sqlResources.xml</sqlFile>"


@pytest.mark.parametrize(
    ("parameters", "severity", "complaints"),
    [
        (DATABASE, Severity.NO_EFFECT, ["'repositoryPath' has no effect here", "'sqlFile' has no effect here"]),
        (
            "<unseenLifeTime>30 minutes</unseenLifeTime>",
            Severity.ERROR,
            ["'unseenLifeTime' must be longer than 'tempBlockTime': no mail could pass"],
        ),
    ],
)
async def test_complaints(tmp_path: Path, parameters: str, severity: Severity, complaints: list[str]) -> None:
    (tmp_path / "smtpserver.xml").write_text(
        f"<smtpservers><smtpserver><handlerchain>{greylist(parameters)}</handlerchain></smtpserver></smtpservers>"
    )
    problems = Problems()
    await check(tmp_path, tmp_path / "data", problems)
    assert [one.message for one in problems.of(severity) if one.place.file == "smtpserver.xml"] == complaints
