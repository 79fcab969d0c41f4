"""What a process keeps of a mailbox follows what other processes do to it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import change_log, flag_rows
from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.mailbox_removal import trim_expunge_logs
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.writer import Writer
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId
from compostela.model.uid_set import UidSet
from tests.contracts.mailbox_parts import SEEN, a_mailbox, check_counts, fill, message, uids_of


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[MailboxStore, MailboxStore]]:
    one, other = await EmbeddedStore.open(tmp_path), await EmbeddedStore.open(tmp_path)
    yield one.mailboxes, other.mailboxes
    await one.close()
    await other.close()


async def _listed(store: MailboxStore, mailbox: MailboxId, uids: UidSet | None = None) -> list[int]:
    return [row.uid async for batch in store.flags(mailbox, uids) for row in batch]


async def test_changes_of_another_process_are_seen(stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, there = stores
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, *[NO_FLAGS] * 5)
    await check_counts(here, mailbox)
    await there.store_flags(mailbox, UidSet.of([2, 4]), FlagsMode.ADD, SEEN)
    await check_counts(here, mailbox)
    await there.remove(mailbox, UidSet.of([1, 3]))
    await fill(there, mailbox, SEEN)
    await check_counts(here, mailbox)
    assert await _listed(here, mailbox) == [2, 4, 5, 6]


async def test_after_many_changes_the_mailbox_is_read_anew(
    stores: tuple[MailboxStore, MailboxStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = stores
    monkeypatch.setattr(change_log, "MAX_CHANGES", 3)
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, *[NO_FLAGS] * 5)
    await check_counts(here, mailbox)
    await there.store_flags(mailbox, UidSet([(1, 5)]), FlagsMode.ADD, SEEN)
    await there.remove(mailbox, UidSet([(1, 4)]))
    await check_counts(here, mailbox)


async def test_a_log_that_was_cut_is_not_relied_on(tmp_path: Path, stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, there = stores
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, *[NO_FLAGS] * 5)
    await check_counts(here, mailbox)
    await there.remove(mailbox, UidSet([(2, 4)]))
    writer = Writer(tmp_path / DATABASE_NAME, Reserve(tmp_path / "reserve", 0), lambda _: None)
    reader = Reader(tmp_path / DATABASE_NAME)
    await trim_expunge_logs(writer, reader, limit=0)
    await writer.close()
    reader.close()
    assert await uids_of(here, mailbox) == await _listed(here, mailbox) == [1, 5]


async def test_some_of_the_rows(stores: tuple[MailboxStore, MailboxStore]) -> None:
    here, _ = stores
    mailbox = await a_mailbox(here)
    await fill(here, mailbox, *[NO_FLAGS] * 6)
    for _ in range(2):
        assert await _listed(here, mailbox, UidSet([(2, 3), (5, 9)])) == [2, 3, 5, 6]
        assert await _listed(here, mailbox) == [1, 2, 3, 4, 5, 6]
        assert await _listed(here, mailbox, UidSet([(7, 9)])) == []


async def test_memory_is_bounded(
    tmp_path: Path, stores: tuple[MailboxStore, MailboxStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = stores
    monkeypatch.setattr(flag_rows, "MAX_ROWS", 5)
    monkeypatch.setattr(flag_rows, "MAX_MESSAGES", 3)
    kept = flag_rows.FlagRows(Reader(tmp_path / DATABASE_NAME))
    mailboxes = [await a_mailbox(here, f"box{number}") for number in range(3)]
    rows = {}
    for number, mailbox in enumerate(mailboxes, 1):
        await here.append(mailbox, [message() for _ in range(number + 1)])
        rows[number] = [row async for batch in here.flags(mailbox) for row in batch]
        kept.keep(number, (await here.head(mailbox)).highest_modseq, rows[number])
    assert [kept.read(number) for number in (1, 2, 3)] == [rows[1], rows[2], None]
    kept.keep(4, 1, rows[1])
    assert kept.read(1) is None
