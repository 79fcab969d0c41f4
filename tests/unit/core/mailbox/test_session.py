"""The rules of mailboxes, applied by sessions."""

import asyncio

import pytest

from compostela.base.errors import AlreadyExists, InvalidArgument, NotFound, QuotaExceeded, TemporaryFailure
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.model import Copied, Mailbox
from compostela.core.mailbox.pre_deletion import Deletion, PreDeletionHook
from compostela.core.mailbox.quota import QuotaRule
from compostela.core.mailbox.rights import ALL_RIGHTS, NO_RIGHTS, NoPermission, OwnerRights, Right
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.session import DEFAULT_MAILBOXES, MailboxSession
from compostela.mime.structure import Structure
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.testing.clock import START
from tests.contracts.mailbox_parts import (
    BOB,
    CAROL,
    DELETED,
    FLAGGED,
    SEEN,
    effect,
    octets_of,
    path,
    row_of,
    uids,
    uids_of,
)

MAIL = MessageContent(b"Subject: one\r\n\r\n", MemoryBody(b"text\r\n"))


async def names_of(service: MailboxService) -> list[str]:
    return [mailbox.path.name for mailbox in await service.store.of_user(BOB)]


async def test_missing_parents_are_made(service: MailboxService) -> None:
    await service.system.create(path("a.b.c"))
    assert await names_of(service) == ["a", "a.b", "a.b.c"]
    with pytest.raises(AlreadyExists):
        await service.system.create(path("a.b"))
    with pytest.raises(InvalidArgument):
        await service.system.create(path("a..b"))


async def test_children_survive_a_deletion(service: MailboxService) -> None:
    await service.system.create(path("a.b"))
    await service.system.delete(path("a"))
    assert await names_of(service) == ["a.b"]
    with pytest.raises(NotFound):
        await service.system.delete(path("a"))
    await service.system.inbox(BOB)
    with pytest.raises(InvalidArgument):
        await service.system.delete(path("INBOX"))


async def test_rename_takes_children_along_and_makes_parents(service: MailboxService) -> None:
    for name in ("a.b", "ab"):
        await service.system.create(path(name))
    moved = await service.system.find(path("a.b"))
    await service.system.rename(path("a"), path("x.y"))
    assert await names_of(service) == ["ab", "x", "x.y", "x.y.b"]
    assert (await service.system.find(path("x.y.b"))).id == moved.id


async def test_what_cannot_be_renamed(service: MailboxService) -> None:
    for name in ("a", "b"):
        await service.system.create(path(name))
    with pytest.raises(NotFound):
        await service.system.rename(path("unknown"), path("c"))
    with pytest.raises(AlreadyExists):
        await service.system.rename(path("a"), path("b"))
    with pytest.raises(InvalidArgument):
        await service.system.rename(path("a"), path("a.c"))
    assert await names_of(service) == ["a", "b"]


async def test_rename_of_inbox_moves_its_messages(service: MailboxService) -> None:
    """RFC 3501 §6.3.5."""
    inbox = await service.system.inbox(BOB)
    await service.system.create(path("INBOX.child"))
    await service.system.append(inbox, MAIL)
    await service.system.rename(path("INBOX"), path("Old"))
    assert await names_of(service) == ["INBOX", "INBOX.child", "Old"]
    assert await uids_of(service.store, inbox.id) == []
    assert await uids_of(service.store, (await service.system.find(path("Old"))).id) == [1]


async def test_the_first_login_makes_the_default_mailboxes(service: MailboxService) -> None:
    await service.system.inbox(BOB)
    await service.system.provision(BOB)
    assert await names_of(service) == sorted(DEFAULT_MAILBOXES)
    assert await service.store.subscriptions(BOB) == sorted(DEFAULT_MAILBOXES)
    await service.system.delete(path("Spam"))
    await service.system.provision(BOB)
    assert "Spam" not in await names_of(service), "who deletes a mailbox does not get it back"


async def test_two_who_need_the_inbox_at_once_get_the_same(service: MailboxService) -> None:
    assert len({one.id for one in await asyncio.gather(*(service.system.inbox(BOB) for _ in range(5)))}) == 1


async def test_append_notes_the_structure_and_the_date(service: MailboxService) -> None:
    inbox = await service.system.inbox(BOB)
    appended = await service.system.append(inbox, MAIL, Flags.of(SystemFlag.SEEN))
    row = await row_of(service.store, inbox.id, appended.uid)
    stored = await service.store.message(inbox.id, appended.uid)
    assert row is not None
    assert stored is not None
    assert (row.internal_date, row.save_date, row.flags) == (int(START), int(START), Flags.of(SystemFlag.SEEN))
    structure = Structure.loads(stored.structure)
    assert structure is not None
    assert (structure.root.type, structure.root.subtype) == (b"text", b"plain")


async def test_trace_fields_make_no_other_structure(service: MailboxService) -> None:
    """They differ with each recipient; the notes are those of the same body."""
    for top in (b"", b"Return-Path: <a@b>\r\n", b"Delivered-To: bob\r\nReceived: by x\r\n\tfor bob\r\n"):
        content = MessageContent(top + b"Content-Type: text/html\r\n\r\n", MAIL.body)
        structure = Structure.loads(await service.structures.of(content))
        assert structure is not None
        assert structure.root.subtype == b"html"
    plain = Structure.loads(await service.structures.of(MessageContent(b"Return-Path: <a@b>\r\n\r\n", MAIL.body)))
    assert plain is not None
    assert plain.root.subtype == b"plain"


async def test_delivery_makes_the_inbox_again_when_it_was_deleted(service: MailboxService) -> None:
    await service.system.deliver(BOB, MAIL)
    await service.store.delete((await service.system.inbox(BOB)).id)
    await service.system.deliver(BOB, MAIL)
    inbox = await service.system.find(path("INBOX"))
    assert await uids_of(service.store, inbox.id) == [1]


async def test_deliveries_at_once_make_their_folder_together(service: MailboxService) -> None:
    deliveries = [service.system.deliver(BOB, MAIL, effect(str(one)), ["Lists.python"]) for one in range(5)]
    await asyncio.gather(*deliveries)
    assert await names_of(service) == ["Lists", "Lists.python"]
    assert (await service.system.status(await service.system.find(path("Lists.python")))).messages == 5


async def test_delivery_to_folders_has_each_effect_once(service: MailboxService) -> None:
    for _ in range(2):
        await service.system.deliver(BOB, MAIL, effect(), ["Lists/python", "Work"])
    for name in ("Lists.python", "Work"):
        mailbox = await service.system.find(path(name))
        assert await uids_of(service.store, mailbox.id) == [1]
        assert await octets_of(service.store, mailbox.id, Uid(1)) == b"Subject: one\r\n\r\ntext\r\n"
    assert "Lists" in await names_of(service)


# rights, quota, hooks

CAROLS = path("Work", CAROL)


async def test_a_user_sees_no_mailbox_of_others(service: MailboxService) -> None:
    work = await service.system.create(CAROLS)
    bob = service.session(Actor.of(BOB))
    assert await bob.list(CAROL) == []
    with pytest.raises(NotFound):
        await bob.find(CAROLS)
    with pytest.raises(NotFound):
        await bob.open(work, read_only=True)
    with pytest.raises(NotFound):
        await bob.append(work, MAIL)
    with pytest.raises(NotFound):
        await bob.delete(CAROLS)
    with pytest.raises(NoPermission):
        await bob.create(path("Work.below", CAROL))
    with pytest.raises(NoPermission):
        await bob.create(path("Other", CAROL))
    assert [one.path for one in await service.system.list(CAROL)] == [CAROLS]


async def test_a_delegate_has_the_rights_of_the_user_that_he_acts_as(service: MailboxService) -> None:
    delegate = service.session(Actor.delegate(CAROL, BOB))
    await delegate.create(path("Work"))
    assert [one.path for one in await delegate.list(BOB)] == [path("Work")]
    with pytest.raises(NoPermission):
        await delegate.create(CAROLS)


class Shared(OwnerRights):
    """Others may do in CAROL's mailboxes what `allowed` says."""

    def __init__(self, allowed: Right) -> None:
        self.allowed = allowed

    def of(self, actor: Actor, mailbox: Mailbox) -> Right:
        owned = super().of(actor, mailbox)
        return owned or (self.allowed if mailbox.path.user == CAROL else NO_RIGHTS)


async def shared_with_bob(service: MailboxService, allowed: Right) -> tuple[MailboxSession, Mailbox]:
    rights = Shared(allowed)
    work = await service.system.create(CAROLS)
    for _ in range(3):
        await service.system.append(work, MAIL)
    shared = MailboxService(service.store, service.clock, rights=rights)
    return shared.session(Actor.of(BOB)), work


async def test_who_may_only_read_gets_a_view_that_is_read_only(service: MailboxService) -> None:
    bob, work = await shared_with_bob(service, Right.LOOKUP | Right.READ)
    view, opened = await bob.open(work, read_only=False)
    assert view.read_only
    assert opened.first_recent_uid == 1
    assert (await service.system.status(work)).recent == 3, "a reader takes no recent messages"
    own = await bob.inbox(BOB)
    assert (await bob.copy(work, uids(1), own)).target == uids(1)
    for refused in (
        bob.append(work, MAIL),
        bob.move(work, uids(1), own),
        bob.store_flags(work, uids(1), FlagsMode.ADD, SEEN),
        bob.expunge(work),
        bob.remove(work, uids(1)),
        bob.rename(CAROLS, path("Mine")),
        bob.transfer([work], BOB),
    ):
        with pytest.raises(NoPermission):
            await refused
    assert (await service.system.status(work)).messages == 3


@pytest.mark.parametrize(
    ("right", "flags"),
    [
        (Right.SEEN, SEEN),
        (Right.DELETE_MESSAGES, DELETED),
        (Right.WRITE, FLAGGED),
        (Right.WRITE, Flags.of(keywords=["x"])),
    ],
)
async def test_each_flag_has_its_right(service: MailboxService, right: Right, flags: Flags) -> None:
    """RFC 4314 §4."""
    bob, work = await shared_with_bob(service, Right.LOOKUP | Right.READ | right)
    assert (await bob.store_flags(work, uids(1), FlagsMode.ADD, flags)).updated[0].flags == flags
    for other in (SEEN, DELETED, FLAGGED):
        if other != flags and not (right is Right.WRITE and other == FLAGGED):
            with pytest.raises(NoPermission):
                await bob.store_flags(work, uids(1), FlagsMode.ADD, other)
    with pytest.raises(NoPermission):
        await bob.store_flags(work, uids(1), FlagsMode.REPLACE, flags)


class Limited(QuotaRule):
    """CAROL's mailboxes hold 5 messages, others any number."""

    def __init__(self, service: MailboxService) -> None:
        self._service = service

    def has_limit(self, owner: Username) -> bool:
        return owner == CAROL

    async def check(self, owner: Username, messages: int, size_bytes: int) -> None:
        held = await self._service.system.statuses(await self._service.system.list(owner))
        if messages + sum(head.messages for head in held.values()) > 5:
            raise QuotaExceeded("There is no room for more messages.")


async def test_quota_is_always_the_owners(service: MailboxService) -> None:
    limited = MailboxService(service.store, service.clock, rights=Shared(ALL_RIGHTS), quota=Limited(service))
    bob = limited.session(Actor.of(BOB))
    work, mine = await service.system.create(CAROLS), await bob.inbox(BOB)
    for _ in range(4):
        await bob.append(work, MAIL)
        await bob.append(mine, MAIL)
    with pytest.raises(QuotaExceeded):
        await bob.copy(mine, UidSet([(1, 2)]), work)
    await bob.copy(mine, uids(1), work)
    with pytest.raises(QuotaExceeded):
        await bob.append(work, MAIL)
    with pytest.raises(QuotaExceeded):
        await bob.move(mine, uids(1), work)
    with pytest.raises(QuotaExceeded):
        await limited.system.deliver(CAROL, MAIL)
    await bob.copy(work, UidSet([(1, 5)]), mine)
    other = await limited.system.create(path("Other", CAROL))
    assert (await bob.move(work, UidSet([(1, 5)]), other)).target == UidSet([(1, 5)]), "a move within needs no room"


class Kept(PreDeletionHook):
    """Notes what is deleted, and refuses while it is told to."""

    def __init__(self) -> None:
        self.seen: list[Deletion] = []
        self.refuses = False

    async def before_deletion(self, deletion: Deletion) -> None:
        if self.refuses:
            raise TemporaryFailure("the vault is down")
        self.seen.append(deletion)


async def test_pre_deletion_hooks_see_what_goes_and_may_keep_it(service: MailboxService) -> None:
    hook = Kept()
    bob = MailboxService(service.store, service.clock, pre_deletion=[hook]).session(Actor.of(BOB))
    inbox, other = await bob.inbox(BOB), await bob.create(path("Other"))
    for flags in (DELETED, SEEN, DELETED, SEEN):
        await bob.append(inbox, MAIL, flags)
    hook.refuses = True
    await bob.append(other, MAIL)
    for refused in (bob.expunge(inbox), bob.remove(inbox, uids(2)), bob.clear(inbox), bob.delete(path("Other"))):
        with pytest.raises(TemporaryFailure):
            await refused
    assert (await bob.status(inbox)).messages == 4
    assert await bob.find(path("Other")) == other
    hook.refuses = False
    assert await bob.expunge(inbox, uids(1, 2)) == uids(1)
    assert await bob.expunge(inbox) == uids(3)
    assert await bob.remove(inbox, uids(2, 9)) == uids(2)
    await bob.move(inbox, uids(4), other)
    await bob.delete(path("Other"))
    assert [[row.uid for row in one.messages] for one in hook.seen] == [[1], [3], [2], [1, 2]]
    assert {one.actor for one in hook.seen} == {Actor.of(BOB)}
    assert hook.seen[-1].mailbox == other


async def test_mailboxes_go_to_another_user_and_may_do_so_again(service: MailboxService) -> None:
    bob = service.session(Actor.of(BOB))
    await bob.provision(BOB)
    await bob.create(path("Work.2026"))
    await service.system.deliver(BOB, MAIL)
    await service.system.deliver(CAROL, MAIL)
    mailboxes = await service.system.list(BOB)
    await service.system.transfer(mailboxes[:3], CAROL)
    await service.system.transfer(await service.system.list(BOB), CAROL)
    await service.system.transfer(await service.system.list(BOB), CAROL)
    assert await service.system.list(BOB) == []
    assert {one.path.name for one in await service.system.list(CAROL)} >= {one.path.name for one in mailboxes}
    assert set(await service.system.subscriptions(CAROL)) == set(DEFAULT_MAILBOXES)
    assert (await service.system.status(await service.system.find(path("INBOX", CAROL)))).messages == 2
    await service.system.deliver(BOB, MAIL)
    assert (await service.system.status(await service.system.inbox(BOB))).messages == 1


async def test_mail_that_comes_while_a_mailbox_joins_another_is_not_lost(
    service: MailboxService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A delivery that has found the INBOX of the old user, between the move of its messages and its end."""
    inbox = await service.system.inbox(BOB)
    await service.system.inbox(CAROL)
    move, late = service.store.move, [2]

    async def moved(source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        copied = await move(source, uids, target)
        if late[0]:
            late[0] -= 1
            await service.system.append(inbox, MAIL)
        return copied

    monkeypatch.setattr(service.store, "move", moved)
    await service.system.transfer([inbox], CAROL)
    assert await service.system.list(BOB) == []
    assert (await service.system.status(await service.system.inbox(CAROL))).messages == 2
