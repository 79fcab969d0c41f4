"""What a process remembers of mailboxes holds until any process changes them, and no longer."""

import mmap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.mailbox_memory import MailboxMemory
from compostela.adapters.embedded.shared_marks import MAILBOX_MARKS, MailboxMarks
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import NotFound
from compostela.core.mailbox.log import Change
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.uid_set import UidSet
from compostela.testing.data_folder import open_store
from tests.contracts.mailbox_parts import BOB, SEEN, a_mailbox, fill, path

Stores = tuple[EmbeddedStore, EmbeddedStore]


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Stores]:
    here, there = await open_store(tmp_path), await open_store(tmp_path)
    yield here, there
    await here.close()
    await there.close()


@pytest.fixture
def statements(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `here` reads from the database."""
    said: list[str] = []
    execute = stores[0]._reader.execute

    def noted(sql: str, *bindings: tuple[object, ...]) -> object:
        said.append(sql)
        return execute(sql, *bindings)

    monkeypatch.setattr(stores[0]._reader, "execute", noted)
    return said


async def test_looks_at_an_unchanged_mailbox_cost_no_statement(stores: Stores, statements: list[str]) -> None:
    here = stores[0].mailboxes
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, NO_FLAGS)
    head = await here.head(mailbox)
    assert (await here.log(mailbox, head.highest_modseq)).head == head
    assert await here.find(path("INBOX")) is not None
    assert await here.of_user(BOB) != []
    assert await here.subscriptions(BOB) == []
    statements.clear()
    assert await here.head(mailbox) == head
    page = await here.log(mailbox, head.highest_modseq)
    assert (page.head, page.entries, page.until) == (head, [], head.highest_modseq)
    assert await here.find(path("INBOX")) is not None
    assert await here.of_user(BOB) != []
    assert await here.subscriptions(BOB) == []
    assert statements == []


async def test_each_change_of_another_process_is_seen_when_it_is_done(stores: Stores) -> None:
    here, there = (store.mailboxes for store in stores)
    mailbox, target = await a_mailbox(here), await a_mailbox(here, "Target")

    async def counted() -> tuple[int, int, int, int]:
        head, moved = await here.head(mailbox), await here.head(target)
        return head.messages, head.unseen, head.recent, moved.messages

    assert await counted() == (0, 0, 0, 0)
    await fill(there, mailbox, *[NO_FLAGS] * 3)
    assert await counted() == (3, 3, 3, 0)
    await there.store_flags(mailbox, UidSet.of([1]), FlagsMode.ADD, SEEN)
    assert await counted() == (3, 2, 3, 0)
    await there.take_recent(mailbox)
    assert await counted() == (3, 2, 0, 0)
    await there.copy(mailbox, UidSet.of([1]), target)
    assert await counted() == (3, 2, 0, 1)
    await there.move(mailbox, UidSet.of([2]), target)
    assert await counted() == (2, 1, 0, 2)
    await there.remove(mailbox, UidSet.of([3]))
    assert await counted() == (1, 0, 0, 2)
    await there.delete(target)
    with pytest.raises(NotFound):
        await here.head(target)
    with pytest.raises(NotFound):
        await here.log(target, ModSeq(0))


async def test_names_and_subscriptions_of_another_process_are_seen(stores: Stores) -> None:
    here, there = (store.mailboxes for store in stores)
    assert await here.find(path("Old")) is None
    mailbox = await a_mailbox(there, "Old")
    found = await here.find(path("Old"))
    assert found is not None
    assert found.id == mailbox
    await there.rename([(mailbox, path("New"))])
    assert await here.find(path("Old")) is None
    assert [one.path.name for one in await here.of_user(BOB)] == ["New"]
    await there.subscribe(BOB, "New")
    assert await here.subscriptions(BOB) == ["New"]
    await there.unsubscribe(BOB, "New")
    assert await here.subscriptions(BOB) == []
    await there.delete(mailbox)
    assert await here.of_user(BOB) == []


async def test_a_listing_that_the_caller_changes_stays_as_it_was(stores: Stores) -> None:
    here = stores[0].mailboxes
    await a_mailbox(here)
    (await here.of_user(BOB)).clear()
    assert len(await here.of_user(BOB)) == 1


async def test_the_log_does_not_go_back_when_an_older_head_is_known(stores: Stores) -> None:
    """A snapshot may show a commit whose second mark is not set yet."""
    here = stores[0].mailboxes
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, NO_FLAGS)
    row, old = here._names.row(mailbox), await here.head(mailbox)
    await fill(here, mailbox, NO_FLAGS)
    new = await here.head(mailbox)
    here._memory.remember(row, here._memory.mark(row), old)
    assert (await here.log(mailbox, new.highest_modseq)).until == new.highest_modseq


async def _changed_without_second_mark(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> MailboxId:
    """`there` dies between its commit and its second mark, and `here` has looked between the first mark and the commit."""
    here, there = (store.mailboxes for store in stores)
    mailbox = await a_mailbox(here)
    row, old = here._names.row(mailbox), await here.head(mailbox)
    with monkeypatch.context() as patch:
        patch.setattr(MailboxMemory, "changing", lambda *_: None)
        patch.setattr(there._signals, "publish", lambda _: None)
        await fill(there, mailbox, NO_FLAGS)
    here._memory.remember(row, here._memory.mark(row), old)
    assert (await here.head(mailbox)).messages == 0
    return mailbox


async def _check_seen(store: EmbeddedStore, mailbox: MailboxId) -> None:
    assert (await store.mailboxes.head(mailbox)).messages == 1
    page = await store.mailboxes.log(mailbox, ModSeq(0))
    assert [entry.change for entry in page.entries] == [Change.ADDED]


async def test_a_change_without_its_second_mark_is_seen_with_a_hint(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = await _changed_without_second_mark(stores, monkeypatch)
    stores[0].mailboxes.forget(f"m:{mailbox}")
    await _check_seen(stores[0], mailbox)


async def test_a_change_without_its_second_mark_is_seen_when_a_process_starts(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mailbox = await _changed_without_second_mark(stores, monkeypatch)
    await (await open_store(tmp_path)).close()
    await _check_seen(stores[0], mailbox)


async def test_a_change_without_its_second_mark_is_seen_when_the_end_of_a_process_is_noticed(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    third = await open_store(tmp_path)
    stores[0]._signals.refresh()
    mailbox = await _changed_without_second_mark(stores, monkeypatch)
    await third.close()
    stores[0]._signals.refresh()
    await _check_seen(stores[0], mailbox)


def test_a_change_of_a_mailbox_changes_the_mark_of_those_that_share_it() -> None:
    marks = MailboxMarks(mmap.mmap(-1, 8 * (MAILBOX_MARKS + 3)))
    one, same, other = 5, 5 + MAILBOX_MARKS, 6
    before = {row: marks.read(row) for row in (one, same, other)}
    marks.change(same)
    assert marks.read(one) == marks.read(same) != before[one]
    assert marks.read(other) == before[other]
