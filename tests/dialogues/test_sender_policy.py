"""SPFHandler at the wire, against a name server on loopback."""

import contextlib
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import pytest

from compostela.core.mail.model import Mail
from compostela.core.repository.ports import RepositoryUrl
from compostela.testing.conversation import Conversation, conversation
from compostela.testing.name_server import NameServer, name_server, text_record
from compostela.testing.server import Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.smtp import plain

ZONE = {
    "pass.example": {"TXT": ['"v=spf1 ip4:127.0.0.1 -all"']},
    "fail.example": {"TXT": ['"v=spf1 -all"', '"other"']},
    "told.example": {"TXT": ['"v=spf1 ip4:192.0.2.0/24 -all exp=why.told.example"']},
    "why.told.example": {"TXT": ['"%{i} is not one of %{d}"']},
    "long.example": {"TXT": ['"v=spf1 -all exp=why.long.example"']},
    "why.long.example": {"TXT": [text_record("because " * 100)]},
    "soft.example": {"TXT": ['"v=spf1 ~all"']},
    "neutral.example": {"TXT": ['"v=spf1 ?all"']},
    "broken.example": {"TXT": ['"v=spf1 wrong"']},
    "included.example": {"TXT": ['"v=spf1 include:failing.example -all"']},
    "mx.example": {"TXT": ['"v=spf1 mx -all"'], "MX": ["10 host.mx.example."]},
    "host.mx.example": {"A": ["127.0.0.1"]},
    "plain.example": {"A": ["192.0.2.1"]},
    "xn--bcher-kva.example": {"TXT": ['"v=spf1 -all"']},
    "helo-fail.example": {"TXT": ['"v=spf1 -all"']},
}
FAILING = ("failing.example",)
NETWORK = "<authorizedAddresses>127.0.0.0/8</authorizedAddresses>"


@contextlib.asynccontextmanager
async def checking(
    folder: Path, parameters: str = "", **options: str
) -> AsyncIterator[tuple[Server, Conversation, NameServer]]:
    handler = f'<handler class="org.apache.james.smtpserver.fastfail.SPFHandler">{parameters}</handler>'
    async with (
        name_server(ZONE, failing=FAILING) as names,
        running(folder, handlers=handler, dns=names.address, **options) as server,
        conversation(server.ports["smtp"]) as c,
    ):
        await c.server("220 ")
        await c.client("EHLO client.example")
        await c.until("250 ")
        yield server, c, names


async def test_results_and_replies(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c, _names):
        for sender, answer in {
            "ann@pass.example": "250 2.1.0 Sender <ann@pass.example> OK",
            "ann@mx.example": "250 2.1.0",
            "ann@soft.example": "250 2.1.0",
            "ann@neutral.example": "250 2.1.0",
            "ann@plain.example": "250 2.1.0",
            "ann@unknown.example": "250 2.1.0",
            "ann@fail.example": "554 5.7.1 Blocked by SPF: fail.example does not let this host send its mail",
            "ann@told.example": "554 5.7.1 Blocked by SPF: told.example explains: 127.0.0.1 is not one of told.example",
            "ann@broken.example": "554 5.7.1 Block caused by an invalid SPF record",
            "ann@failing.example": "451 4.4.3 Temporarily rejected: Problem on SPF lookup",
            "ann@included.example": "451 4.4.3 Temporarily rejected: Problem on SPF lookup",
        }.items():
            await c.client(f"MAIL FROM:<{sender}>", "RSET")
            await c.server(answer, "250 2.0.0")


async def test_a_refused_sender_begins_no_transaction(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c, _names):
        await c.client("MAIL FROM:<ann@fail.example>", "RCPT TO:<bob@example.org>", "MAIL FROM:<ann@pass.example>")
        await c.server("554 5.7.1", "503 5.5.0", "250 2.1.0")


async def test_a_long_explanation_fits_into_a_reply(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c, _names):
        await c.client("MAIL FROM:<ann@long.example>")
        line = await c.server("554 5.7.1 Blocked by SPF: long.example explains: because because")
        assert len(line) <= 510


async def test_softfail_is_refused_when_so_configured(tmp_path: Path) -> None:
    async with checking(tmp_path, "<blockSoftFail>true</blockSoftFail>") as (_, c, _names):
        await c.client("MAIL FROM:<ann@soft.example>")
        await c.server("554 5.7.1 Blocked by SPF")


async def test_an_invalid_record_passes_when_so_configured(tmp_path: Path) -> None:
    async with checking(tmp_path, "<blockPermError>false</blockPermError>") as (_, c, _names):
        await c.client("MAIL FROM:<ann@broken.example>")
        await c.server("250 2.1.0")


async def test_the_null_sender_is_judged_by_its_helo_name(tmp_path: Path) -> None:
    async with checking(tmp_path) as (_, c, names):
        await c.client("MAIL FROM:<>", "RSET", "EHLO helo-fail.example")
        await c.server("250 2.1.0", "250 2.0.0")
        await c.until("250 ")
        assert names.questions == [("client.example", "TXT")]
        await c.client("MAIL FROM:<>", "MAIL FROM:<ann@pass.example>")
        await c.server("554 5.7.1 Blocked by SPF: helo-fail.example", "250 2.1.0")


@pytest.mark.parametrize("elements", [NETWORK, ""])
async def test_who_may_relay_is_not_asked(tmp_path: Path, elements: str) -> None:
    async with checking(tmp_path, elements=elements, identity="disabled") as (_, c, names):
        if not elements:
            await c.client(f"AUTH PLAIN {plain('bob@example.org')}")
            await c.server("235 ")
        await c.client("MAIL FROM:<ann@fail.example>")
        await c.server("250 2.1.0")
        assert names.questions == []


async def test_who_may_relay_is_asked_about_too_if_wished(tmp_path: Path) -> None:
    async with checking(tmp_path, "<checkAuthNetworks>true</checkAuthNetworks>", elements=NETWORK) as (_, c, _names):
        await c.client("MAIL FROM:<ann@fail.example>")
        await c.server("554 5.7.1")


async def test_the_result_goes_with_the_mail(tmp_path: Path) -> None:
    default = files("compostela.app.configuration").joinpath("defaults", "mailetcontainer.xml").read_text()
    keep = '<mailet match="HasMailAttribute=org.apache.james.spf.header" class="ToRepository"><repositoryPath>var/mail/spf/</repositoryPath></mailet>'
    begin = '<processor state="transport">'
    assert begin in default
    async with checking(tmp_path, container=default.replace(begin, begin + keep)) as (server, c, _):
        await c.client("MAIL FROM:<ann@pass.example>", "RCPT TO:<bob@example.org>", "DATA")
        await c.server("250 2.1.0", "250 2.1.5", "354")
        await c.client("Subject: x", "", "text", ".")
        await c.server("250 2.6.0")

        async def kept() -> Mail | None:
            repository = await server.store.repositories.find(RepositoryUrl("embedded", "var/mail/spf"))
            if repository is None:
                return None
            keys = [key async for key in repository.keys()]  # noqa: SIM118 - no dictionary
            return await repository.retrieve(keys[0]) if keys else None

        mail = await eventually(kept)
        assert mail.attributes["org.apache.james.spf.header"] == (
            "pass (mail.example.org: domain of ann@pass.example designates 127.0.0.1 as permitted sender) "
            "receiver=mail.example.org; identity=mailfrom; client-ip=127.0.0.1; "
            'envelope-from="ann@pass.example"; helo=client.example; mechanism="ip4:127.0.0.1";'
        )
