"""What a session is told of its selected mailbox."""

import random

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.mailbox.log import LogPage
from compostela.core.mailbox.model import Mailbox
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.view import Difference, MailboxView
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from compostela.testing.clock import START
from tests.contracts.mailbox_parts import DELETED, SEEN, fill, flags_of, path, uids


async def selected(service: MailboxService, messages: int, *, read_only: bool = False) -> tuple[MailboxView, Mailbox]:
    mailbox = await service.store.create(path("Work"))
    await fill(service.store, mailbox.id, *[NO_FLAGS] * messages)
    return (await service.system.open(mailbox, read_only=read_only))[0], mailbox


def is_nothing(difference: Difference) -> bool:
    return difference.is_empty and not difference.expunged_uids


async def test_nothing_happened(service: MailboxService) -> None:
    view, _ = await selected(service, 3)
    assert (view.exists, view.number(2), view.number(9)) == (3, 2, None)
    assert is_nothing(await view.update(may_expunge=True))


async def test_new_messages_are_told_by_their_count(service: MailboxService) -> None:
    view, mailbox = await selected(service, 1)
    await fill(service.store, mailbox.id, SEEN, NO_FLAGS)
    difference = await view.update(may_expunge=False)
    assert (difference.exists, difference.expunged, difference.changed) == (3, [], [])
    assert view.number(3) == 3


async def test_changed_flags_are_told_by_number(service: MailboxService) -> None:
    view, mailbox = await selected(service, 3)
    await service.store.remove(mailbox.id, uids(1))
    await view.update(may_expunge=True)
    await service.store.store_flags(mailbox.id, uids(3), FlagsMode.ADD, SEEN)
    difference = await view.update(may_expunge=False)
    assert [(number, row.uid, row.flags) for number, row in difference.changed] == [(2, 3, SEEN)]


async def test_own_changes_are_told_once(service: MailboxService) -> None:
    view, mailbox = await selected(service, 2)
    result = await service.store.store_flags(mailbox.id, uids(1), FlagsMode.ADD, SEEN)
    view.note_own(result.updated)
    assert is_nothing(await view.update(may_expunge=True))
    await service.store.store_flags(mailbox.id, uids(1), FlagsMode.REMOVE, SEEN)
    assert len((await view.update(may_expunge=True)).changed) == 1


async def test_an_expunged_message_keeps_its_number_until_it_may_be_told(service: MailboxService) -> None:
    """RFC 3501 §7.4.1."""
    view, mailbox = await selected(service, 4)
    await service.store.remove(mailbox.id, uids(2, 3))
    assert is_nothing(await view.update(may_expunge=False))
    assert (view.exists, view.number(4)) == (4, 4)
    assert list(view.present) == [1, 4]
    difference = await view.update(may_expunge=True)
    assert (difference.expunged, difference.expunged_uids, difference.exists) == ([3, 2], [2, 3], None)
    assert (view.exists, view.number(4)) == (2, 2)


async def test_a_message_that_came_and_went_unseen_is_not_told(service: MailboxService) -> None:
    view, mailbox = await selected(service, 1)
    await fill(service.store, mailbox.id, DELETED)
    await service.store.expunge(mailbox.id)
    assert is_nothing(await view.update(may_expunge=True))


async def test_recent_messages_belong_to_the_first_who_may_write(service: MailboxService) -> None:
    first, mailbox = await selected(service, 2, read_only=True)
    second, _ = await service.system.open(mailbox, read_only=False)
    third, _ = await service.system.open(mailbox, read_only=False)
    assert (first.recent, second.recent, third.recent) == (2, 2, 0)
    assert second.is_recent(1)
    assert not third.is_recent(2)


async def test_runs_give_the_numbers_of_rows(service: MailboxService) -> None:
    view, mailbox = await selected(service, 9)
    await service.store.remove(mailbox.id, uids(2, 3, 7))
    await view.update(may_expunge=True)
    rows = [row async for batch in service.store.flags(mailbox.id) for row in batch]
    found = {row.uid: row.uid - offset for run, offset in view.runs(rows) for row in run}
    assert found == {row.uid: view.number(row.uid) for row in rows}


async def test_a_client_that_follows_what_it_is_told_knows_the_mailbox(service: MailboxService) -> None:
    """A client keeps a list of flags by number, as IMAP has it, and does what it is told."""
    view, mailbox = await selected(service, 5)
    chance, store = random.Random(7), service.store
    client = [NO_FLAGS] * 5
    for _ in range(120):
        some = uids(*(chance.randint(1, 40) for _ in range(3)))
        match chance.randint(0, 3):
            case 0:
                await fill(store, mailbox.id, chance.choice([NO_FLAGS, SEEN]))
            case 1:
                await store.store_flags(mailbox.id, some, chance.choice(list(FlagsMode)), SEEN)
            case 2 if chance.random() < 0.5:
                await store.remove(mailbox.id, some)
        may_expunge = chance.random() < 0.4
        difference = await view.update(may_expunge=may_expunge)
        assert may_expunge or not difference.expunged
        for number in difference.expunged:
            del client[number - 1]
        if difference.exists is not None:
            known = await flags_of(store, mailbox.id)
            client += [known.get(view.uids.at(at), NO_FLAGS) for at in range(len(client), difference.exists)]
        for number, row in difference.changed:
            client[number - 1] = row.flags
        assert len(client) == view.exists
    await view.update(may_expunge=True)
    difference = await view.update(may_expunge=True)
    assert is_nothing(difference)
    assert list(view.uids) == list((await store.uids(mailbox.id))[0])


async def test_an_update_that_fails_between_two_pages_loses_nothing(
    service: MailboxService, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, mailbox = await selected(service, 1)
    read, pages = service.store.log, 0

    async def fails_once(mailbox: MailboxId, since: ModSeq, limit: int = 0) -> LogPage:
        nonlocal pages
        pages += 1
        if pages == 2:
            raise TemporaryFailure("on purpose")
        return await read(mailbox, since, 1)

    monkeypatch.setattr(service.store, "log", fails_once)
    for _ in range(3):
        await fill(service.store, mailbox.id, NO_FLAGS)
    with pytest.raises(TemporaryFailure):
        await view.update(may_expunge=True)
    assert view.exists == 1
    assert (await view.update(may_expunge=True)).exists == 4
    assert list(view.uids) == [1, 2, 3, 4]


# when a view is looked at


async def test_a_fresh_view_needs_no_look_until_a_hint_or_its_time(service: MailboxService) -> None:
    view, mailbox = await selected(service, 2)
    assert view.is_fresh(START, may_expunge=True)
    await fill(service.store, mailbox.id, NO_FLAGS)
    assert view.hinted
    assert not view.is_fresh(START, may_expunge=False)
    assert (await view.update(START, may_expunge=False)).exists == 3
    assert view.is_fresh(START + 5, may_expunge=False)
    assert not view.is_fresh(START + 5.1, may_expunge=False), "a hint may have been lost"
    await service.store.remove(mailbox.id, uids(1))
    await view.update(START, may_expunge=False)
    assert view.is_fresh(START, may_expunge=False)
    assert not view.is_fresh(START, may_expunge=True), "an EXPUNGE waits to be told"
    view.close()
    assert not view.is_fresh(START, may_expunge=False)


async def test_a_failed_look_is_made_again(service: MailboxService, monkeypatch: pytest.MonkeyPatch) -> None:
    view, _ = await selected(service, 1)

    async def fails(*_: object) -> None:
        raise TemporaryFailure("on purpose")

    with monkeypatch.context() as patch:
        patch.setattr(service.store, "log", fails)
        with pytest.raises(TemporaryFailure):
            await view.update(START, may_expunge=True)
    assert not view.is_fresh(START, may_expunge=True)
