"""SubAddressing, EncapsulatedDKIMSign, ExtractMDNOriginalJMAPMessageId and NESSpamCheck."""

from collections.abc import AsyncIterator
from dataclasses import replace
from email import message_from_bytes
from pathlib import Path

import pytest

from compostela.base.clock import SystemClock
from compostela.core.mail.attributes import SMTP_AUTH_USER
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.model import Mailbox, MessageRow
from compostela.core.mailbox.rights import NO_RIGHTS, OwnerRights, Right
from compostela.core.mailbox.service import MailboxService
from compostela.mailauth.dkim.verification import DkimStatus
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, matcher, served, server_context
from compostela.testing.server import running
from tests.unit.mailauth.dkim.samples import verify
from tests.unit.mailauth.dkim.signing import pem, record


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        for name in ("Lists.One", "Größe"):
            await made.mailboxes.create(MailboxPath.personal(Username.parse(BOB), name))
        yield made


async def rows(context: MailetContext, user: str, folder: str) -> list[MessageRow]:
    mailbox = await context.mailboxes.find_or_create(MailboxPath.personal(Username.parse(user), folder))
    return [row async for batch in context.mailboxes.rows(mailbox) for row in batch]


async def delivered(
    context: MailetContext, *recipients: str, sender: str = ANN, login: str = "", anyone: bool = False
) -> dict[str, int]:
    """How many messages bob's mailboxes have then."""
    mail = mail_of("A: b\r\n\r\nx\r\n", sender, *recipients)
    if login:
        mail.attributes[SMTP_AUTH_USER] = login
    mail = await served(mailet("SubAddressing", context, anyoneMayPost=str(anyone).lower()), mail)
    await served(mailet("LocalDelivery", context), mail)
    return {name: len(await rows(context, BOB, name)) for name in ("INBOX", "Lists.One", "Größe")}


@pytest.mark.parametrize("detail", ["Lists.One", "lists.one", "lists%2EOne"])
async def test_the_owner_who_has_logged_in_files_mail_in_a_mailbox(context: MailetContext, detail: str) -> None:
    found = await delivered(context, f"bob+{detail}@example.org", login=BOB)
    assert found == {"INBOX": 0, "Lists.One": 1, "Größe": 0}


async def test_escapes_are_decoded(context: MailetContext) -> None:
    found = await delivered(context, "bob+gr%C3%B6%C3%9Fe@example.org", login=BOB)
    assert found == {"INBOX": 0, "Lists.One": 0, "Größe": 1}


@pytest.mark.parametrize("login", ["", ANN])
async def test_others_reach_the_inbox(context: MailetContext, login: str) -> None:
    found = await delivered(context, "bob+lists.one@example.org", sender=BOB, login=login)
    assert found == {"INBOX": 1, "Lists.One": 0, "Größe": 0}


class OnePoster(OwnerRights):
    """A user has the right to post to all mailboxes, and no other right there."""

    def of(self, actor: Actor, mailbox: Mailbox) -> Right:
        return super().of(actor, mailbox) | (Right.POST if actor.user == Username.parse(ANN) else NO_RIGHTS)


@pytest.mark.parametrize(("login", "posts"), [(ANN, True), ("eve@example.org", False), ("", False)])
async def test_the_right_to_post_decides(tmp_path: Path, login: str, posts: bool) -> None:
    async with running(tmp_path) as server:
        service = MailboxService(server.store.mailboxes, SystemClock(), rights=OnePoster())
        context = replace(server.under_test.mailet_context, mailboxes=service.system)
        for name in ("Lists.One", "Größe"):
            await service.system.create(MailboxPath.personal(Username.parse(BOB), name))
        found = await delivered(context, "bob+lists.one@example.org", login=login)
        assert found == {"INBOX": int(not posts), "Lists.One": int(posts), "Größe": 0}


async def test_all_may_post_if_the_operator_says_so(context: MailetContext) -> None:
    found = await delivered(context, "bob+lists.one@example.org", anyone=True)
    assert found == {"INBOX": 0, "Lists.One": 1, "Größe": 0}


async def test_a_mailbox_that_is_not_there_is_the_inbox(context: MailetContext) -> None:
    found = await delivered(context, "bob+none@example.org", login=BOB)
    assert found == {"INBOX": 1, "Lists.One": 0, "Größe": 0}


async def test_several_details_of_one_user_are_one_recipient(context: MailetContext) -> None:
    found = await delivered(context, "bob+lists.one@example.org", BOB, "bob+none@example.org", login=BOB)
    assert found == {"INBOX": 1, "Lists.One": 1, "Größe": 0}


async def test_addresses_without_a_user_stay(context: MailetContext) -> None:
    own = "x+y@example.org"
    await context.users.add(Username.parse(own), "secret")
    mail = mail_of("A: b\r\n\r\n", ANN, own, "nobody+x@example.org", "bob+x@else.example", "+x@example.org")
    done = await served(mailet("SubAddressing", context), mail)
    assert [str(one) for one in done.recipients] == [
        own, "nobody+x@example.org", "bob+x@else.example", "+x@example.org",
    ]  # fmt: skip


SIGNING = {
    "signatureTemplate": "s=s1; d=own.example; h=from:to:subject; c=relaxed/relaxed",
    "privateKey": pem("rsa").decode(),
}


async def test_a_message_is_signed_inside_another(context: MailetContext) -> None:
    text = b"Received: x\r\nFrom: a@b.example\r\nSubject: caf\xc3\xa9\r\nMessage-ID: <1@b.example>\r\n\r\nbody\r\n"
    mail = await served(mailet("EncapsulatedDKIMSign", context, **SIGNING), mail_of(text))
    (result,) = await verify(mail.content.header, (await mail.content.read())[len(mail.content.header) :], {"s1._domainkey.own.example": record()})  # fmt: skip
    assert result.status is DkimStatus.PASS
    outer = message_from_bytes(await mail.content.read())
    assert outer.get_content_type() == "message/rfc822"
    assert (outer["Message-ID"], outer["Received"]) == ("<1@b.example>", None)
    assert (await mail.content.read()).endswith(text)


async def test_mail_of_strangers_is_not_put_into_another(context: MailetContext) -> None:
    parameters = {**SIGNING, "signatureTemplate": "s=s1; d=%MAIL_FROM; h=from; c=relaxed/relaxed"}
    mail = await served(mailet("EncapsulatedDKIMSign", context, **parameters), mail_of())
    assert (await mail.content.read()) == b"Subject: x\r\n\r\nhello\r\n"


NOTIFICATION = (
    "From: ann@example.org\r\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\r\n\r\n"
    "--b\r\n\r\nI have read it.\r\n--b\r\nContent-Type: message/disposition-notification\r\n\r\n"
    "Final-Recipient: rfc822; ann@example.org\r\nOriginal-Message-ID: {}\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n--b--\r\n"
)
FIELD = b"X-JAMES-MDN-JMAP-MESSAGE-ID: "


async def test_a_notification_tells_which_mail_was_read(context: MailetContext) -> None:
    for number in (1, 2):
        mail = mail_of(f"Message-ID: <{number}@example.org>\r\n\r\nhello\r\n")
        await served(mailet("LocalDelivery", context), mail, number)
    (_, second) = await rows(context, BOB, "INBOX")
    made = mailet("ExtractMDNOriginalJMAPMessageId", context)
    mail = await served(made, mail_of(NOTIFICATION.format("<2@example.org>")))
    assert FIELD + str(second.message_id).encode() in mail.content.header
    for other in (
        mail_of(NOTIFICATION.format("<3@example.org>")),
        mail_of(NOTIFICATION.format("<2@example.org>"), ANN, BOB, ANN),
        mail_of(NOTIFICATION.format("<2@example.org>"), ANN, "stranger@else.example"),
        mail_of("Subject: x\r\n\r\nOriginal-Message-ID: <2@example.org>\r\n"),
    ):
        assert FIELD not in (await served(made, other)).content.header


@pytest.mark.parametrize(
    ("field", "is_spam"),
    [
        ("Message-ID: <>", True),
        ("Subject: ADV: buy", True),
        ("Subject: =?utf-8?q?ADV=3A?= buy", True),
        ("To: Friend@public.com", True),
        ("Received: from baby (x)", True),
        ("X-MimeOLE: Produced By Microsoft MimeOLE Vx", True),
        ("X-MimeOLE: Produced By Microsoft MimeOLE V6.00", False),
        ("Subject: advance", False),
        ("Message-ID: <1@b.example>", False),
    ],
)
async def test_fields_of_old_programs_for_spam(context: MailetContext, field: str, is_spam: bool) -> None:
    found = await matcher("NESSpamCheck", context).match(mail_of(f"{field}\r\n\r\n"))
    assert bool(found) is is_spam
