"""Mailets that send a mail on or report it: the recipients, the sender and the content."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mail.attributes import REPROCESSING, SENT_BY_MAILET
from compostela.core.mail.model import GHOST, Mail
from compostela.core.queue.model import SPOOL
from compostela.core.repository.ports import RepositoryUrl
from compostela.mime.headers import Headers
from compostela.mime.scanner import describe
from compostela.processing.mailet import MailetContext
from compostela.testing.name_server import name_server
from compostela.testing.pipeline import ANN, BOB, SENDER, mail_of, mailet, served, server_context, spooled, text_of

MESSAGE = (
    "Received: from x by y\r\nFrom: Author <author@a.example>\r\nTo: list@l.example\r\nReply-To: reply@a.example\r\n"
    "Subject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <1@a.example>\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n"
)


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with name_server({"remote.example": {"MX": ["0 ."]}}) as dns, server_context(tmp_path, dns.address) as made:
        yield made


async def sent(name: str, context: MailetContext, mail: Mail | None = None, **parameters: str) -> Mail:
    await served(mailet(name, context, **parameters), mail or mail_of(MESSAGE))
    (made,) = await spooled(context)
    return made


def field(mail: Mail, name: str) -> str | None:
    value = Headers(mail.content.header).get(name.encode())
    return None if value is None else value.decode()


async def types(mail: Mail) -> list[str]:
    root = describe(mail.content.header, await mail.content.body.read()).root
    return [f"{one.type.decode()}/{one.subtype.decode()}" for one in root.children or (root,)]


async def test_a_forwarded_mail_is_unaltered_but_for_its_trace(context: MailetContext) -> None:
    mail = mail_of(MESSAGE)
    made = await sent("Forward", context, mail, forwardTo=f"{ANN}, x@y.example")
    assert ([str(one) for one in made.recipients], str(made.sender)) == ([ANN, "x@y.example"], SENDER)
    trace, text = (await text_of(made)).split("\r\nReceived: from x by y", 1)
    assert trace.startswith("Received: from mail.example.org")
    assert "Received: from x by y" + text == MESSAGE
    assert (mail.state, made.state, made.attributes[SENT_BY_MAILET]) == (GHOST, "root", True)


async def test_a_run_that_is_repeated_sends_once(context: MailetContext) -> None:
    forward = mailet("Forward", context, forwardto=ANN)
    for _ in range(2):
        await served(forward, mail_of(MESSAGE))
    assert len(await spooled(context)) == 1


async def test_a_mail_from_a_domain_that_takes_no_mail_is_not_sent_on(context: MailetContext) -> None:
    mail = await served(
        mailet("Forward", context, forwardTo=ANN, fakeDomainCheck="true", passThrough="true"), mail_of()
    )
    assert (await spooled(context), mail.state) == ([], "root")


@pytest.mark.parametrize(
    ("recipients", "found"),
    [
        ("sender", [SENDER]), ("reversePath", [SENDER]), ("from", ["author@a.example"]), ("replyTo", ["reply@a.example"]),
        ("postmaster", ["postmaster@example.org"]), ("recipients, x@y.example", [BOB, "x@y.example"]),
        ("to", ["list@l.example"]), ("unaltered", [BOB]),
    ],
)  # fmt: skip
async def test_words_for_recipients(recipients: str, found: list[str], context: MailetContext) -> None:
    made = await sent("Resend", context, recipients=recipients)
    assert [str(one) for one in made.recipients] == found


async def test_a_mail_is_resent_with_changed_fields(context: MailetContext) -> None:
    made = await sent(
        "Resend", context, recipients=ANN, to="recipients", sender="postmaster", replyTo="null", reversePath="null",
        prefix="[x]", isReply="true",
    )  # fmt: skip
    assert made.sender is None
    assert [field(made, name) for name in ("From", "To", "Reply-To", "In-Reply-To")] == [
        "<postmaster@example.org>", f"<{BOB}>", None, "<1@a.example>",
    ]  # fmt: skip
    assert field(made, "Subject") == "[x] =?UTF-8?B?Y2Fmw6k=?="
    assert (await text_of(made)).endswith("\r\n\r\ncaf=E9\r\n")


async def test_null_removes_to_and_never_the_author(context: MailetContext) -> None:
    made = await sent("Resend", context, recipients=ANN, to="null", sender="null")
    assert (field(made, "To"), field(made, "From")) == (None, "Author <author@a.example>")


async def test_a_redirected_mail_keeps_its_text_and_charset(context: MailetContext) -> None:
    made = await sent("Redirect", context, recipients=ANN, sender="postmaster")
    assert (str(made.sender), field(made, "To")) == ("postmaster@example.org", f"<{ANN}>")
    assert field(made, "Content-Type") == "text/plain; charset=iso-8859-1"
    assert field(made, "Message-ID") != "<1@a.example>"
    assert len(Headers(made.content.header).get_all(b"Received")) == 2
    assert (await text_of(made)).endswith("\r\n\r\ncaf=E9\r\n")


@pytest.mark.parametrize(
    ("inline", "attachment", "parts"),
    [
        ("none", "message", ["text/plain", "message/rfc822"]),
        ("heads", "body", ["text/plain", "text/plain", "text/plain"]),
        ("body", "heads", ["text/plain", "text/plain", "text/rfc822-headers"]),
        ("all", "none", ["text/plain", "text/plain", "text/plain"]),
        ("none", "none", ["text/plain"]),
    ],
)
async def test_what_of_the_original_is_in_the_message(
    inline: str, attachment: str, parts: list[str], context: MailetContext
) -> None:
    made = await sent("Redirect", context, to=ANN, message="See below", inline=inline, attachment=attachment)
    assert await types(made) == parts
    assert "See below" in await text_of(made)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Redirect", {}), ("Forward", {}), ("Forward", {"forwardTo": "@@"}), ("Resend", {"recipients": "a@"}),
        ("Resend", {"inline": "some"}), ("FromRepository", {}), ("Requeue", {"delay": "soon"}),
    ],
)  # fmt: skip
async def test_wrong_parameters_are_refused(name: str, parameters: dict[str, str], context: MailetContext) -> None:
    with pytest.raises(InvalidArgument):
        mailet(name, context, **parameters)


async def test_the_postmaster_is_told(context: MailetContext) -> None:
    mail = mail_of(MESSAGE)
    mail.error_message = "Traceback of it"
    made = await sent("NotifyPostmaster", context, mail, attachError="true")
    assert (made.sender, [str(one) for one in made.recipients], mail.state) == (
        None,
        ["postmaster@example.org"],
        "root",
    )
    assert field(made, "Auto-Submitted") == "auto-replied"
    assert await types(made) == ["text/plain", "message/rfc822", "text/plain"]
    assert (await text_of(made)).count("Traceback of it") == 2


async def test_the_sender_is_told_without_what_is_internal(context: MailetContext) -> None:
    mail = mail_of(MESSAGE)
    mail.error_message = "Traceback of it"
    made = await sent("NotifySender", context, mail, notice="Sorry")
    assert ([str(one) for one in made.recipients], field(made, "To")) == ([SENDER], f"<{SENDER}>")
    text = await text_of(made)
    assert "Sorry" in text
    assert "Traceback" not in text


async def test_nobody_is_told_of_a_mail_with_a_null_sender(context: MailetContext) -> None:
    await served(mailet("NotifySender", context), mail_of(MESSAGE, None))
    assert await spooled(context) == []


async def test_a_mail_is_queued_again(context: MailetContext) -> None:
    requeue = mailet("Requeue", context, queue="other", processor="later", consume="false")
    mail = await served(requeue, mail_of())
    (again,) = await spooled(context, "other")
    assert (mail.state, again.state, requeue.processors) == ("root", "later", ())
    mail = await served(mailet("Requeue", context, delay="2h"), mail_of(), 1)
    assert mail.state == GHOST
    (line,) = [one async for one in context.queues.queue(SPOOL).browse(delayed=True)]
    assert line.next_delivery_at is not None


@pytest.mark.parametrize("delete", [True, False])
async def test_mails_of_a_repository_are_processed_again(delete: bool, context: MailetContext) -> None:
    repository = await context.repositories.select(RepositoryUrl("embedded", "var/mail/kept"))
    kept = mail_of()
    kept.name = "kept"
    await repository.store(kept)
    made = mailet(
        "FromRepository", context, repositoryPath="var/mail/kept/", processor="again", delete=str(delete).lower()
    )
    for _ in range(2):
        await served(made, mail_of())
    (again,) = await spooled(context)
    assert (again.name, again.state, again.attributes[REPROCESSING]) == ("kept", "again", True)
    assert await repository.size() == int(not delete)
