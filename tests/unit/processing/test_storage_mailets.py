"""Where and how local delivery stores a mail, and flowed text."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.mailbox.model import MessageRow
from compostela.model.flags import Flags, SystemFlag
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.processing.mailet import MailetContext
from compostela.testing.pipeline import ANN, BOB, mail_of, mailet, served, server_context, text_of


@pytest.fixture
async def context(tmp_path: Path) -> AsyncIterator[MailetContext]:
    async with server_context(tmp_path) as made:
        yield made


async def rows(context: MailetContext, user: str, folder: str) -> list[MessageRow]:
    mailbox = await context.mailboxes.find(MailboxPath.personal(Username.parse(user), folder))
    return [row async for batch in context.mailboxes.rows(mailbox) for row in batch]


async def test_a_directive_names_mailbox_and_flags(context: MailetContext) -> None:
    directive = mailet(
        "WithStorageDirective", context, targetFolderName="Lists.One", seen="true", important="true", keywords="a,b"
    )
    mail = await served(directive, mail_of("A: b\r\n\r\n", "a@b.example", BOB, ANN))
    await served(mailet("LocalDelivery", context), mail)
    wanted = Flags.of(SystemFlag.SEEN, SystemFlag.FLAGGED, keywords=("a", "b"))
    for user in (BOB, ANN):
        assert [row.flags for row in await rows(context, user, "Lists.One")] == [wanted]


async def test_several_mailboxes(context: MailetContext) -> None:
    directive = mailet("WithStorageDirective", context, targetFolderNames="One, Two")
    await served(mailet("LocalDelivery", context), await served(directive, mail_of()))
    assert [len(await rows(context, BOB, name)) for name in ("One", "Two")] == [1, 1]


async def test_flags_alone_are_for_inbox(context: MailetContext) -> None:
    directive = mailet("WithStorageDirective", context, seen="true")
    await served(mailet("LocalDelivery", context), await served(directive, mail_of()))
    assert [row.flags for row in await rows(context, BOB, "INBOX")] == [Flags.of(SystemFlag.SEEN)]


def test_a_directive_that_says_nothing_is_refused(context: MailetContext) -> None:
    with pytest.raises(InvalidArgument, match="targetFolderName"):
        mailet("WithStorageDirective", context)


async def test_random_storing_chooses_the_same_again(context: MailetContext) -> None:
    for user in (BOB, ANN):
        for folder in ("One", "Two"):
            await context.mailboxes.create(MailboxPath.personal(Username.parse(user), folder))
    first = await served(mailet("RandomStoring", context), mail_of("A: b\r\n\r\n", "a@b.example", "else@where.example"))
    again = await served(mailet("RandomStoring", context), mail_of("A: b\r\n\r\n", "a@b.example", "else@where.example"))
    assert first.recipients == again.recipients
    assert {str(one) for one in first.recipients} <= {BOB, ANN}
    assert first.attributes == again.attributes
    await served(mailet("LocalDelivery", context), first)
    stored = [len(await rows(context, str(user), name)) for user in (BOB, ANN) for name in ("One", "Two")]
    assert sum(stored) == len(first.recipients) > 0


LONG = "A paragraph that is longer than a line of the width that is wanted here, with é in it."


async def test_wrapped_text_is_unwrapped_again(context: MailetContext) -> None:
    message = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{LONG}\r\n"
    mail = await served(mailet("WrapText", context, width="40"), mail_of(message))
    wrapped = await text_of(mail)
    assert "format=flowed" in wrapped
    assert await text_of(await served(mailet("WrapText", context, width="40"), mail)) == wrapped, "flowed already"
    plain = await text_of(await served(mailet("UnwrapText", context), mail))
    assert "flowed" not in plain
    assert (
        "A paragraph that is longer than a line of the width that is wanted here, wi=\r\nth =C3=A9 in it.\r\n" in plain
    )


async def test_html_is_left_alone(context: MailetContext) -> None:
    message = f"Content-Type: text/html\r\n\r\n{LONG}\r\n"
    for name in ("WrapText", "UnwrapText"):
        assert await text_of(await served(mailet(name, context), mail_of(message))) == message
