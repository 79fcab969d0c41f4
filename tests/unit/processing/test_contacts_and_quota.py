"""ContactExtractor and IsOverQuota."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument, QuotaExceeded
from compostela.core.mailbox.quota import QuotaRule
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.processing.mailets.contacts import MAX_CONTACTS
from compostela.testing.pipeline import ANN, BOB, SENDER, mail_of, mailet, matcher, served, server_context


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def test_contacts_are_told_once_each(context: MailetContext) -> None:
    message = (
        'To: Bob <bob@example.org>, group: ann@example.org, broken;\r\nTo: "J. D" <J.D@b.example>\r\n'
        "Cc: BOB@example.org, josé@b.example\r\nBcc: (hidden) c@d.example\r\nReply-To: no@b.example\r\n\r\n"
    )
    mail = await served(mailet("ContactExtractor", context, attribute="contacts"), mail_of(message))
    told = mail.attributes["contacts"]
    assert isinstance(told, str)
    assert json.loads(told) == {
        "userEmail": SENDER,
        "emails": ["BOB@example.org", "ann@example.org", "J.D@b.example", "josé@b.example", "c@d.example"],
    }


@pytest.mark.parametrize(
    ("message", "sender"),
    [("To: bob@example.org\r\n\r\n", None), ("Subject: x\r\n\r\n", SENDER), ("To: nobody:;\r\n\r\n", SENDER)],
)
async def test_without_sender_or_contacts_nothing_is_told(
    context: MailetContext, message: str, sender: str | None
) -> None:
    mail = mail_of(message, sender)
    mail.attributes["contacts"] = "of an earlier run"
    assert "contacts" not in (await served(mailet("ContactExtractor", context, attribute="contacts"), mail)).attributes


async def test_the_number_of_contacts_is_limited(context: MailetContext) -> None:
    to = ",\r\n ".join(f"a{number}@b.example" for number in range(MAX_CONTACTS + 1))
    mail = await served(mailet("ContactExtractor", context, attribute="contacts"), mail_of(f"To: {to}\r\n\r\n"))
    told = mail.attributes["contacts"]
    assert isinstance(told, str)
    assert len(json.loads(told)["emails"]) == MAX_CONTACTS


async def test_an_attribute_is_needed(context: MailetContext) -> None:
    with pytest.raises(InvalidArgument, match="attribute"):
        mailet("ContactExtractor", context)


class Rule(QuotaRule):
    """Lets bob have messages of up to 100 octets; ann has no limit."""

    def has_limit(self, owner: Username) -> bool:
        return str(owner) == BOB

    async def check(self, owner: Username, messages: int, size_bytes: int) -> None:
        assert (str(owner), messages) == (BOB, 1)
        if size_bytes > 100:
            raise QuotaExceeded("too much")


@pytest.mark.parametrize(("size", "matched"), [(10, []), (200, [MailAddress.parse(BOB)])])
async def test_recipients_over_quota_match(context: MailetContext, size: int, matched: list[MailAddress]) -> None:
    made = matcher("IsOverQuota", replace(context, quota=Rule()))
    mail = mail_of("A: b\r\n\r\n" + "x" * size, SENDER, ANN, BOB, "eve@remote.example")
    assert list(await made.match(mail)) == matched


async def test_no_recipient_is_over_quota_where_there_is_none(context: MailetContext) -> None:
    assert not await matcher("IsOverQuota", context).match(mail_of("A: b\r\n\r\n" + "x" * 100_000))
