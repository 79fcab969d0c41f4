"""The mailets that every configuration has: attributes, fields, states, repositories."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import MAIL_PRIORITY
from compostela.core.mail.model import GHOST
from compostela.core.vacation.model import Vacation
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.testing.mails import address
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, served, server_context, spooled, text_of


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def test_attributes_are_set_and_removed(context: MailetContext) -> None:
    mail = await served(mailet("SetMailAttribute", context, one="1", two="2", three="3"), mail_of())
    assert mail.attributes == {"one": "1", "two": "2", "three": "3"}
    await served(mailet("RemoveMailAttribute", context, name="one, three, four"), mail)
    assert mail.attributes == {"two": "2"}
    await served(mailet("RemoveAllMailAttributes", context), mail)
    assert mail.attributes == {}


async def test_a_priority(context: MailetContext) -> None:
    mail = await served(mailet("WithPriority", context, priority="7"), mail_of())
    assert mail.attributes[MAIL_PRIORITY] == 7


async def test_a_field_is_added(context: MailetContext) -> None:
    made = mailet("SetMimeHeader", context, name="X-Note", value="café")
    mail = await served(made, mail_of("X-Note: 1\r\nSubject: x\r\n\r\nbody\r\n"))
    assert await text_of(mail) == "X-Note: 1\r\nSubject: x\r\nX-Note: =?UTF-8?B?Y2Fmw6k=?=\r\n\r\nbody\r\n"


async def test_fields_are_removed_by_prefix_for_each_recipient_too(context: MailetContext) -> None:
    mail = mail_of("X-Spam-A: 1\r\nx-spam-b: 2\r\n 3\r\nX-Other: 4\r\n\r\nbody\r\n")
    mail.per_recipient_headers = {address(BOB): [("X-Spam-C", "5"), ("X-Other", "6")]}
    await served(mailet("RemoveMimeHeaderByPrefix", context, name="X-Spam-"), mail)
    assert await text_of(mail) == "X-Other: 4\r\n\r\nbody\r\n"
    assert mail.per_recipient_headers == {address(BOB): [("X-Other", "6")]}


@pytest.mark.parametrize(
    ("parameters", "logged", "missing"),
    [
        ({}, {"header": "Subject: x\r\n\r\n", "body": "hello\r\n"}, []),
        ({"headers": "false", "maxBody": "2"}, {"body": "he"}, ["header"]),
        ({"body": "false"}, {"header": "Subject: x\r\n\r\n"}, ["body"]),
    ],
)
async def test_a_mail_is_logged(
    context: MailetContext,
    caplog: pytest.LogCaptureFixture,
    parameters: dict[str, str],
    logged: dict[str, str],
    missing: list[str],
) -> None:
    with caplog.at_level(logging.INFO):
        mail = await served(mailet("LogMessage", context, comment="look", **parameters), mail_of())
    (record,) = [one for one in caplog.records if one.getMessage() == "message: look"]
    assert {name: vars(record)[name] for name in logged} == logged
    assert not any(name in vars(record) for name in missing)
    assert mail.state == "root"


async def test_a_mail_that_is_logged_may_end_there(context: MailetContext) -> None:
    assert (await served(mailet("LogMessage", context, passThrough="false"), mail_of())).state == GHOST


async def test_local_parts_in_lower_case(context: MailetContext) -> None:
    mail = await served(mailet("RecipientToLowerCase", context), mail_of("A: b\r\n\r\n", ANN, "BOB@example.org"))
    assert [str(one) for one in mail.recipients] == ["bob@example.org"]


async def test_an_error_text(context: MailetContext) -> None:
    mail = await served(mailet("SetErrorMessage", context, errorMessage="550 no"), mail_of())
    assert mail.error_message == "550 no"


@pytest.mark.parametrize(("passes", "state"), [("", GHOST), ("true", "root")])
async def test_a_repository_for_each_senders_domain(context: MailetContext, passes: str, state: str) -> None:
    parameters = {"passThrough": passes} if passes else {}
    made = mailet("ToSenderDomainRepository", context, urlPrefix="embedded://var/mail/from/", **parameters)
    mail = await served(made, mail_of("A: b\r\n\r\n", "a@remote.example"))
    assert mail.state == state
    repository = await context.repositories.find(
        context.repository_settings.url("embedded://var/mail/from/remote.example")
    )
    assert repository is not None
    assert await repository.size() == 1
    assert (await served(made, mail_of("A: b\r\n\r\n", None), 1)).state == "root"


async def test_a_repository_that_must_be_there_already(context: MailetContext) -> None:
    parameters = {"urlPrefix": "embedded://var/mail/from/", "allowRepositoryCreation": "false"}
    mail = await served(mailet("ToSenderDomainRepository", context, **parameters), mail_of())
    assert mail.state == "root"
    assert await context.repositories.by_path("var/mail/from/remote.example") == []


async def test_a_bounce_goes_to_the_reverse_path(context: MailetContext) -> None:
    made = mailet("Bounce", context, message="It failed.", passThrough="false")
    mail = mail_of("Subject: Lunch\r\n\r\nhello\r\n", "a@remote.example")
    mail.error_message = "550 no such user"
    assert (await served(made, mail)).state == GHOST
    (bounce,) = await spooled(context)
    assert (bounce.sender, bounce.recipients) == (None, [address("a@remote.example")])
    text = await text_of(bounce)
    assert "Subject: Re: Lunch" in text
    assert "It failed." in text
    await served(made, mail_of("Subject: Lunch\r\n\r\n", None), 1)
    assert await spooled(context) == []


async def test_a_user_who_is_away_answers(context: MailetContext) -> None:
    await context.vacations.set(Username.parse(BOB), Vacation(True, subject="Away", text_body="I am away."))
    mail = mail_of("From: ann@example.org\r\nTo: bob@example.org\r\nSubject: x\r\n\r\nhello\r\n", ANN)
    await served(mailet("VacationMailet", context, useUserAsMailFrom="true"), mail)
    (answer,) = await spooled(context)
    assert (answer.sender, answer.recipients) == (address(BOB), [address(ANN)])
    assert "Subject: Away" in await text_of(answer)


MISTAKES: list[tuple[str, dict[str, str]]] = [
    ("RemoveMailAttribute", {}),
    ("WithPriority", {}),
    ("WithPriority", {"priority": "10"}),
    ("WithPriority", {"priority": "high"}),
    ("SetMimeHeader", {"name": "X-Note"}),
    ("RemoveMimeHeaderByPrefix", {}),
    ("LogMessage", {"maxBody": "-1"}),
    ("SetErrorMessage", {}),
    ("ToSenderDomainRepository", {}),
    ("RecipientToLowerCase", {"unknown": "1"}),
    ("RemoveAllMailAttributes", {"name": "1"}),
    ("Bounce", {"attachment": "everything"}),
    ("VacationMailet", {"replyMode": "never"}),
]


def test_mistakes_are_found_at_start(context: MailetContext) -> None:
    for name, parameters in MISTAKES:
        with pytest.raises(InvalidArgument):
            mailet(name, context, **parameters)
