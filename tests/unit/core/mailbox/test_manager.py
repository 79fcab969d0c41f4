"""The rules of mailboxes."""

import asyncio

import pytest

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.manager import DEFAULT_MAILBOXES, MailboxManager
from compostela.mime.structure import Structure
from compostela.model.flags import Flags, SystemFlag
from compostela.model.numbers import Uid
from tests.contracts.fakes import START
from tests.contracts.mailbox_parts import BOB, effect, octets_of, path, row_of, uids_of

MAIL = MessageContent(b"Subject: one\r\n\r\n", MemoryBody(b"text\r\n"))


async def names_of(manager: MailboxManager) -> list[str]:
    return [mailbox.path.name for mailbox in await manager.store.of_user(BOB)]


async def test_missing_parents_are_made(manager: MailboxManager) -> None:
    await manager.create(path("a.b.c"))
    assert await names_of(manager) == ["a", "a.b", "a.b.c"]
    with pytest.raises(AlreadyExists):
        await manager.create(path("a.b"))
    with pytest.raises(InvalidArgument):
        await manager.create(path("a..b"))


async def test_children_survive_a_deletion(manager: MailboxManager) -> None:
    await manager.create(path("a.b"))
    await manager.delete(path("a"))
    assert await names_of(manager) == ["a.b"]
    with pytest.raises(NotFound):
        await manager.delete(path("a"))
    await manager.inbox(BOB)
    with pytest.raises(InvalidArgument):
        await manager.delete(path("INBOX"))


async def test_rename_takes_children_along_and_makes_parents(manager: MailboxManager) -> None:
    for name in ("a.b", "ab"):
        await manager.create(path(name))
    moved = await manager.find(path("a.b"))
    await manager.rename(path("a"), path("x.y"))
    assert await names_of(manager) == ["ab", "x", "x.y", "x.y.b"]
    assert (await manager.find(path("x.y.b"))).id == moved.id


async def test_what_cannot_be_renamed(manager: MailboxManager) -> None:
    for name in ("a", "b"):
        await manager.create(path(name))
    with pytest.raises(NotFound):
        await manager.rename(path("unknown"), path("c"))
    with pytest.raises(AlreadyExists):
        await manager.rename(path("a"), path("b"))
    with pytest.raises(InvalidArgument):
        await manager.rename(path("a"), path("a.c"))
    assert await names_of(manager) == ["a", "b"]


async def test_rename_of_inbox_moves_its_messages(manager: MailboxManager) -> None:
    """RFC 3501 §6.3.5."""
    inbox = await manager.inbox(BOB)
    await manager.create(path("INBOX.child"))
    await manager.append(inbox, MAIL)
    await manager.rename(path("INBOX"), path("Old"))
    assert await names_of(manager) == ["INBOX", "INBOX.child", "Old"]
    assert await uids_of(manager.store, inbox) == []
    assert await uids_of(manager.store, (await manager.find(path("Old"))).id) == [1]


async def test_the_first_login_makes_the_default_mailboxes(manager: MailboxManager) -> None:
    await manager.inbox(BOB)
    await manager.provision(BOB)
    assert await names_of(manager) == sorted(DEFAULT_MAILBOXES)
    assert await manager.store.subscriptions(BOB) == sorted(DEFAULT_MAILBOXES)
    await manager.delete(path("Spam"))
    await manager.provision(BOB)
    assert "Spam" not in await names_of(manager), "who deletes a mailbox does not get it back"


async def test_two_who_need_the_inbox_at_once_get_the_same(manager: MailboxManager) -> None:
    assert len(set(await asyncio.gather(*(manager.inbox(BOB) for _ in range(5))))) == 1


async def test_append_notes_the_structure_and_the_date(manager: MailboxManager) -> None:
    inbox = await manager.inbox(BOB)
    appended = await manager.append(inbox, MAIL, Flags.of(SystemFlag.SEEN))
    row = await row_of(manager.store, inbox, appended.uid)
    stored = await manager.store.message(inbox, appended.uid)
    assert row is not None
    assert stored is not None
    assert (row.internal_date, row.save_date, row.flags) == (int(START), int(START), Flags.of(SystemFlag.SEEN))
    structure = Structure.loads(stored.structure)
    assert structure is not None
    assert (structure.root.type, structure.root.subtype) == (b"text", b"plain")


async def test_trace_fields_make_no_other_structure(manager: MailboxManager) -> None:
    """They differ with each recipient; the notes are those of the same body."""
    for top in (b"", b"Return-Path: <a@b>\r\n", b"Delivered-To: bob\r\nReceived: by x\r\n\tfor bob\r\n"):
        content = MessageContent(top + b"Content-Type: text/html\r\n\r\n", MAIL.body)
        structure = Structure.loads(await manager.structure(content))
        assert structure is not None
        assert structure.root.subtype == b"html"
    plain = Structure.loads(await manager.structure(MessageContent(b"Return-Path: <a@b>\r\n\r\n", MAIL.body)))
    assert plain is not None
    assert plain.root.subtype == b"plain"


async def test_delivery_makes_the_inbox_again_when_it_was_deleted(manager: MailboxManager) -> None:
    await manager.deliver(BOB, MAIL)
    await manager.store.delete(await manager.inbox(BOB))
    await manager.deliver(BOB, MAIL)
    inbox = await manager.find(path("INBOX"))
    assert await uids_of(manager.store, inbox.id) == [1]


async def test_delivery_to_folders_has_each_effect_once(manager: MailboxManager) -> None:
    for _ in range(2):
        await manager.deliver(BOB, MAIL, effect(), ["Lists/python", "Work"])
    for name in ("Lists.python", "Work"):
        mailbox = await manager.find(path(name))
        assert await uids_of(manager.store, mailbox.id) == [1]
        assert await octets_of(manager.store, mailbox.id, Uid(1)) == b"Subject: one\r\n\r\ntext\r\n"
    assert "Lists" in await names_of(manager)
