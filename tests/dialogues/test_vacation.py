"""Automatic answers through the whole pipeline, set through the administration API's store."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.vacation.model import Vacation
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.testing.conversation import conversation
from compostela.testing.server import ANN, BOB, NAMES_ALONE, PASSWORD, Server, running
from compostela.testing.waiting import eventually
from tests.dialogues.processing import idle, messages, send

AWAY = Vacation(True, subject="Away", text_body="I am away.")
PERSONAL = "From: ann@example.org\r\nTo: bob@example.org\r\nSubject: Lunch\r\nMessage-ID: <1@x.example>\r\n"


async def answers(server: Server, *headers: str, sender: str = "ann@example.org") -> list[bytes]:
    """The mails in ann's mailbox after mails with these header blocks went to bob."""
    for header in headers:
        async with conversation(server.ports["smtp"]) as c:
            await send(c, ["bob@example.org"], f"{header}\r\nhello", sender=sender)
        await eventually(lambda: idle(server))
    return await messages(server, ANN)


NO_LOGIN = {"identity": "disabled"}


async def test_a_sender_is_answered_once(tmp_path: Path) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        await server.store.vacations.set(BOB, AWAY)
        (answer,) = await answers(server, PERSONAL, PERSONAL)
        assert len(await messages(server, BOB)) == 2
        assert answer.startswith(b"Return-Path: <>\r\n")
        for line in (b"From: <bob@example.org>", b"To: <ann@example.org>", b"Subject: Away", b"In-Reply-To: <1@x.example>",
                     b"References: <1@x.example>", b"Auto-Submitted: auto-replied"):  # fmt: skip
            assert line + b"\r\n" in answer
        assert answer.endswith(b"\r\n\r\nI am away.\r\n")
        await server.store.vacations.set(BOB, replace(AWAY, text_body=None, html_body="<p>later</p>", subject=None))
        _, second = await answers(server, PERSONAL)
        assert b"Subject: Re: Lunch\r\n" in second
        assert b"Content-Type: text/html" in second


async def test_text_and_html_are_alternatives(tmp_path: Path) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        await server.store.vacations.set(BOB, replace(AWAY, html_body="<p>away</p>"))
        (answer,) = await answers(server, PERSONAL)
        assert b"Content-Type: multipart/alternative" in answer
        assert answer.index(b"text/plain") < answer.index(b"text/html")


@pytest.mark.parametrize(
    "header",
    [
        f"{PERSONAL}List-Id: <l.example.org>\r\n",
        f"{PERSONAL}Precedence: bulk\r\n",
        f"{PERSONAL}Auto-Submitted: auto-generated\r\n",
        f"{PERSONAL}Content-Type: multipart/report; boundary=x\r\n",
        f"{PERSONAL}Reply-To: bob@example.org\r\n",
        f"{PERSONAL}Reply-To: l-request@example.org\r\n",
        "From: ann@example.org\r\nTo: undisclosed-recipients:;\r\nSubject: x\r\n",
    ],
    ids=["list", "bulk", "automatic", "report", "reply to oneself", "reply to a program", "not named"],
)
async def test_mail_that_is_not_personal_is_not_answered(tmp_path: Path, header: str) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        await server.store.vacations.set(BOB, AWAY)
        assert await answers(server, header) == []
        assert len(await messages(server, BOB)) == 1


@pytest.mark.parametrize("sender", ["", "no-reply@example.org", "bob@example.org"])
async def test_a_sender_that_is_no_other_person_is_not_answered(tmp_path: Path, sender: str) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        await server.store.vacations.set(BOB, AWAY)
        assert await answers(server, PERSONAL, sender=sender) == []
        assert len(await messages(server, BOB)) == 1


@pytest.mark.parametrize(
    "vacation",
    [
        replace(AWAY, is_enabled=False),
        replace(AWAY, from_at=time.time() + 3600),
        replace(AWAY, to_at=time.time() - 3600),
    ],
    ids=["disabled", "not yet", "over"],
)
async def test_no_answer_outside_of_the_period(tmp_path: Path, vacation: Vacation) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        await server.store.vacations.set(BOB, vacation)
        assert await answers(server, PERSONAL) == []


async def test_mail_to_an_alias_is_answered(tmp_path: Path) -> None:
    async with running(tmp_path, **NO_LOGIN) as server:
        alias = MappingSource.of_address(MailAddress.parse("robert@example.org"))
        await server.store.rewriting.add(alias, Mapping(MappingType.ALIAS, "bob@example.org"))
        await server.store.vacations.set(BOB, AWAY)
        assert len(await answers(server, PERSONAL.replace("bob@", "robert@"))) == 1


async def test_a_mail_to_two_addresses_of_a_user_is_answered_once(tmp_path: Path) -> None:
    users = {"bob": PASSWORD, "ann": PASSWORD}
    async with running(tmp_path, files=NAMES_ALONE, users=users, **NO_LOGIN) as server:
        await server.store.domains.add(Domain("example.com"))
        await server.store.vacations.set(Username.parse("bob"), AWAY)
        async with conversation(server.ports["smtp"]) as c:
            to = ["bob@example.com", "bob@example.org"]
            await send(c, to, f"{PERSONAL}\r\nhello", sender="ann@example.org")
        await eventually(lambda: idle(server))
        assert len(await messages(server, Username.parse("ann"))) == 1
        assert len(await messages(server, Username.parse("bob"))) == 2
