"""What a process keeps of a mailbox follows what other processes do to it."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.mailbox_retention import trim_logs
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Writer
from compostela.core.mailbox import listings
from compostela.core.mailbox.listings import MailboxListings
from compostela.core.mailbox.log import PAGE_ENTRIES
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.mailbox.service import MailboxService
from compostela.core.mailbox.view import MailboxView
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.uid_set import UidSet
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.contracts.mailbox_parts import SEEN, a_mailbox, check_counts, fill, message, path, uids_of


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[MailboxStore, MailboxStore]]:
    one, other = await open_store(tmp_path), await open_store(tmp_path)
    yield one.mailboxes, other.mailboxes
    await one.close()
    await other.close()


async def _listed(kept: MailboxListings, mailbox: MailboxId, uids: UidSet | None = None) -> list[int]:
    return [row.uid async for batch in kept.flags(mailbox, uids) for row in batch]


async def _check(kept: MailboxListings, store: MailboxStore, mailbox: MailboxId) -> None:
    """What is kept is what there is."""
    await check_counts(store, mailbox)
    opened = await kept.open(mailbox, take_recent=False)
    assert list(opened.uids) == await uids_of(store, mailbox)
    there = [row async for batch in store.flags(mailbox) for row in batch]
    assert [row async for batch in kept.flags(mailbox) for row in batch] == there


async def test_changes_of_another_process_are_seen(stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, there = stores
    mailbox, kept = await a_mailbox(here), MailboxListings(here)
    await fill(here, mailbox, *[NO_FLAGS] * 5)
    await _check(kept, here, mailbox)
    await there.store_flags(mailbox, UidSet.of([2, 4]), FlagsMode.ADD, SEEN)
    await _check(kept, here, mailbox)
    await there.remove(mailbox, UidSet.of([1, 3]))
    await fill(there, mailbox, SEEN)
    await there.store_flags(mailbox, UidSet.of([6]), FlagsMode.REMOVE, SEEN)
    await _check(kept, here, mailbox)
    assert await _listed(kept, mailbox) == [2, 4, 5, 6]


async def test_after_many_changes_the_mailbox_is_read_anew(stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, there = stores
    mailbox, kept = await a_mailbox(here), MailboxListings(here)
    await here.append(mailbox, [message()] * 900)
    await _check(kept, here, mailbox)
    await there.store_flags(mailbox, UidSet([(1, 600)]), FlagsMode.ADD, SEEN)
    await there.remove(mailbox, UidSet([(1, 500)]))
    await _check(kept, here, mailbox)


async def test_a_log_that_was_cut_is_not_relied_on(tmp_path: Path, stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, there = stores
    mailbox, kept = await a_mailbox(here), MailboxListings(here)
    await fill(here, mailbox, *[NO_FLAGS] * 5)
    await _check(kept, here, mailbox)
    since = (await here.head(mailbox)).highest_modseq
    await there.remove(mailbox, UidSet([(2, 4)]))
    await cut_log(tmp_path, changes=0)
    page = await here.log(mailbox, since)
    assert (page.complete, page.entries) == (False, [])
    await _check(kept, here, mailbox)
    assert (await here.log(mailbox, page.head.highest_modseq)).complete
    await fill(here, mailbox, NO_FLAGS)
    assert [entry.uid for entry in (await here.log(mailbox, page.head.highest_modseq)).entries] == [6]


@pytest.mark.slow
async def test_the_latest_changes_are_kept_however_old(
    tmp_path: Path, stores: tuple[MailboxStore, MailboxStore]
) -> None:
    here, _ = stores
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, *[NO_FLAGS] * 1600)
    await cut_log(tmp_path, changes=7)
    highest = (await here.head(mailbox)).highest_modseq
    assert [(await here.log(mailbox, ModSeq(highest - back))).complete for back in (7, 8)] == [True, False]
    assert len((await here.log(mailbox, ModSeq(highest - 7))).entries) == 7


async def test_young_changes_are_kept_however_many(tmp_path: Path, stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, _ = stores
    mailbox = await a_mailbox(here)
    since = (await here.head(mailbox)).highest_modseq
    await fill(here, mailbox, *[NO_FLAGS] * 20)
    await cut_log(tmp_path, changes=7, seconds=3600)
    assert len((await here.log(mailbox, since)).entries) == 20


async def test_a_session_behind_the_floor_is_told_the_same(
    tmp_path: Path, stores: tuple[MailboxStore, MailboxStore]
) -> None:
    here, there = stores
    mailbox = await here.create(path("Work"))
    await fill(here, mailbox.id, *[NO_FLAGS] * 5)
    kept = MailboxListings(here)
    opened = await kept.open(mailbox.id, take_recent=False)
    session = MailboxService(here, FakeClock()).system
    views = [MailboxView(session, here, mailbox, opened, read_only=True) for _ in range(2)]
    await there.remove(mailbox.id, UidSet.of([2, 3]))
    await there.store_flags(mailbox.id, UidSet.of([5]), FlagsMode.ADD, SEEN)
    await fill(there, mailbox.id, NO_FLAGS)
    expected = await views[0].update(may_expunge=True)
    await cut_log(tmp_path, changes=0)
    assert await views[1].update(may_expunge=True) == expected
    assert (expected.expunged, expected.exists) == ([3, 2], 4)
    assert [(number, row.uid) for number, row in expected.changed] == [(3, 5)]
    assert views[0].modseq == views[1].modseq
    assert views[0].uids == views[1].uids


async def cut_log(folder: Path, *, changes: int, seconds: float = -3600) -> None:
    """Trim the logs as another process would."""
    writer = Writer(folder / DATABASE_NAME, Reserve(folder / "reserve", 0), lambda _: None)
    reader = Reader(folder / DATABASE_NAME)
    await trim_logs(writer, reader, time.time(), changes, seconds)
    await writer.close()
    reader.close()


async def test_a_short_mailbox_stays_kept_after_more_changes_than_a_page_has(
    stores: tuple[MailboxStore, MailboxStore],
) -> None:
    here, _ = stores
    mailbox, kept = await a_mailbox(here), MailboxListings(here)
    await fill(here, mailbox, *[NO_FLAGS] * 100)
    await _check(kept, here, mailbox)
    for mode in (FlagsMode.ADD, FlagsMode.REMOVE) * (PAGE_ENTRIES // 200 + 1):
        await here.store_flags(mailbox, UidSet([(1, 100)]), mode, SEEN)
    assert await _listed(kept, mailbox, UidSet.of([2])) == [2]
    assert mailbox in kept.kept_flags
    await _check(kept, here, mailbox)


async def test_some_of_the_rows(stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, _ = stores
    mailbox, kept = await a_mailbox(here), MailboxListings(here)
    await fill(here, mailbox, *[NO_FLAGS] * 6)
    for _ in range(2):
        assert await _listed(kept, mailbox, UidSet([(2, 3), (5, 9)])) == [2, 3, 5, 6]
        assert await _listed(kept, mailbox) == [1, 2, 3, 4, 5, 6]
        assert await _listed(kept, mailbox, UidSet([(7, 9)])) == []


async def test_memory_is_bounded(stores: tuple[MailboxStore, MailboxStore], monkeypatch: pytest.MonkeyPatch) -> None:
    here, _ = stores
    monkeypatch.setattr(listings, "MAX_ROWS", 5)
    monkeypatch.setattr(listings, "MAX_MESSAGES", 3)
    monkeypatch.setattr(listings, "MAX_RANGES", 2)
    monkeypatch.setattr(listings, "LEAST_RANGES", 1)
    kept = MailboxListings(here)
    for number in range(5):
        mailbox = await a_mailbox(here, f"box{number}")
        await here.append(mailbox, [message() for _ in range(number + 1)])
        for _ in range(2):
            await _check(kept, here, mailbox)
        assert kept.kept_flags.currsize <= 5
        assert kept.kept_uids.currsize <= 2
