"""The embedded mailbox store keeps to the contracts of messages and changes."""

from pathlib import Path

import pytest

from compostela.base.errors import StorageFull
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.contracts.mailbox_changes import MailboxChangesContract
from tests.contracts.mailbox_messages import MailboxMessagesContract
from tests.contracts.mailbox_parts import DELETED, a_mailbox, fill, message, uids


class TestEmbeddedMessages(MailboxMessagesContract):
    pass


class TestEmbeddedChanges(MailboxChangesContract):
    pass


async def test_on_a_full_disk_nothing_comes_in_and_everything_can_go(tmp_path: Path) -> None:
    store = await open_store(tmp_path)
    mailbox = await a_mailbox(store.mailboxes)
    await fill(store.mailboxes, mailbox, DELETED, DELETED)
    await store.close()
    full = await open_store(tmp_path, reserve_bytes=2**60)
    with pytest.raises(StorageFull):
        await full.mailboxes.append(mailbox, [message()])
    assert (await full.mailboxes.expunge(mailbox))[0] == uids(1, 2)
    await full.mailboxes.delete(mailbox)
    await full.close()


async def test_uid_validity_stays_within_32_bits_after_a_wrong_clock(tmp_path: Path) -> None:
    clock = FakeClock(10_000_000_000.0)
    store = await open_store(tmp_path, clock)
    try:
        found = [(await store.mailboxes.create(path_of(name))).uid_validity for name in ("one", "two")]
        assert [int(one) for one in found] == [0xFF00_0000, 0xFF00_0001]
    finally:
        await store.close()


def path_of(name: str) -> MailboxPath:
    return MailboxPath.personal(Username.parse("bob@example.org"), name)
