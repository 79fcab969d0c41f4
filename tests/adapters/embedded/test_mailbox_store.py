"""The embedded mailbox store keeps to the contracts of messages and changes."""

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from tests.contracts.fakes import FakeClock
from tests.contracts.mailbox_changes import MailboxChangesContract
from tests.contracts.mailbox_messages import MailboxMessagesContract, StoredOctets
from tests.contracts.mailbox_parts import DELETED, a_mailbox, fill, message, uids


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
def mailboxes(store: EmbeddedStore) -> MailboxStore:
    return store.mailboxes


@pytest.fixture
def stored_octets(store: EmbeddedStore, tmp_path: Path) -> StoredOctets:
    async def count() -> int:
        connection = apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
        rows = connection.execute("SELECT coalesce(sum(length(data)), 0) FROM blob").fetchone()[0]
        connection.close()
        return rows + sum(path.stat().st_size for path in (tmp_path / "blobs").glob("*/*"))

    return count


class TestEmbeddedMessages(MailboxMessagesContract):
    pass


class TestEmbeddedChanges(MailboxChangesContract):
    pass


async def test_on_a_full_disk_nothing_comes_in_and_everything_can_go(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path)
    mailbox = await a_mailbox(store.mailboxes)
    await fill(store.mailboxes, mailbox, DELETED, DELETED)
    await store.close()
    full = await EmbeddedStore.open(tmp_path, reserve_bytes=2**60)
    with pytest.raises(StorageFull):
        await full.mailboxes.append(mailbox, [message()])
    assert (await full.mailboxes.expunge(mailbox))[0] == uids(1, 2)
    await full.mailboxes.delete(mailbox)
    await full.close()


async def test_uid_validity_stays_within_32_bits_after_a_wrong_clock(tmp_path: Path) -> None:
    clock = FakeClock(10_000_000_000.0)
    store = await EmbeddedStore.open(tmp_path, clock)
    try:
        found = [(await store.mailboxes.create(path_of(name))).uid_validity for name in ("one", "two")]
        assert [int(one) for one in found] == [0xFF00_0000, 0xFF00_0001]
    finally:
        await store.close()


def path_of(name: str) -> MailboxPath:
    return MailboxPath.personal(Username.parse("bob@example.org"), name)
