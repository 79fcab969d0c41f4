"""Listener groups on a full disk: their cursors move, and what they hold back is let go."""

import os
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.events.model import MailboxChanges
from compostela.core.events.usage_listener import UsageListener
from compostela.core.mailbox.log import Change
from compostela.core.mailbox.model import Appended
from compostela.model.numbers import MailboxId
from compostela.model.uid_set import UidSet
from compostela.testing.listeners import GROUP, Recorder, context_of, following, no_settings, settled
from tests.contracts.mailbox_parts import BOB, a_mailbox, message
from tests.full_disk import Filler, small_disk

BODY_BYTES = 200_000


class Reading(Recorder):
    """Reads what is expunged."""

    needs_content = True
    read = 0

    async def changed(self, changes: MailboxChanges) -> None:
        for entry in changes.entries:
            if entry.change is Change.EXPUNGED:
                assert await context_of(self.store).source.content(entry.message_id) is not None
                self.read += 1

    def __init__(self, store: EmbeddedStore) -> None:
        super().__init__(store)
        self.store = store


async def append(store: EmbeddedStore, mailbox: MailboxId) -> list[Appended]:
    return await store.mailboxes.append(mailbox, [message(os.urandom(BODY_BYTES))])


async def append_for_ever(store: EmbeddedStore, mailbox: MailboxId) -> None:
    while True:
        await append(store, mailbox)


@pytest.mark.slow
async def test_what_was_deleted_goes_once_the_groups_have_passed(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 80 * 1024 * 1024) as disk:
        store = await EmbeddedStore.open(disk / "data", reserve_bytes=0)
        store._reserve.restore()
        filler = Filler(disk / "filler")
        reading, usage = Reading(store), UsageListener(no_settings(), context_of(store))
        async with following(store, reading, usage):
            mailbox, doomed = await a_mailbox(store.mailboxes), await a_mailbox(store.mailboxes, "doomed")
            for box in (mailbox, doomed):
                for _ in range(60):
                    await append(store, box)
            await settled(store, (GROUP, f"{GROUP}1"))
            filler.fill()
            with pytest.raises(StorageFull):
                await append_for_ever(store, mailbox)
            messages = (await store.mailboxes.head(mailbox)).messages
            await store.mailboxes.remove(mailbox, UidSet([(1, 10_000)]))
            await store.mailboxes.delete(doomed)
            await settled(store, (GROUP, f"{GROUP}1"))
            assert reading.read == messages
            assert [len(rows) for rows in reading.deletions.values()] == [60]
            assert (await store.usage.of_user(BOB)).messages == 0
            for _ in range(2):
                await store.collect_garbage()
            (kept,) = store._reader.execute("SELECT count(*) FROM blob").fetchone()
            assert kept == 0
            filler.remove()
            store._reserve.restore()
            await append(store, mailbox)
            assert await store.dead_letters.count() == 0
        await store.close()
