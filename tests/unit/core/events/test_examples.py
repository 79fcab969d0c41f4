"""The examples of the page about listeners."""

import hashlib

import pytest
from examples.listeners import BusyMailboxes, DeletedDigests

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.model.flags import NO_FLAGS
from compostela.testing.listeners import context_of, following, no_settings, settled
from tests.contracts.mailbox_parts import HEADER, a_mailbox, fill, message, uids


async def test_busy_mailboxes(store: EmbeddedStore, caplog: pytest.LogCaptureFixture) -> None:
    place = Place("listeners.xml")
    settings = Settings(Node("configuration", place, children=[Node("changes", place, "3")]), Problems())
    with caplog.at_level("INFO"):
        async with following(store, BusyMailboxes(settings, context_of(store))):
            mailbox = await a_mailbox(store.mailboxes)
            await fill(store.mailboxes, mailbox, *[NO_FLAGS] * 4)
            await settled(store)
    (record,) = [record for record in caplog.records if record.message == "busy mailbox"]
    assert vars(record)["user"] == "bob@example.org"


async def test_deleted_digests(store: EmbeddedStore, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        async with following(store, DeletedDigests(no_settings(), context_of(store))):
            mailbox = await a_mailbox(store.mailboxes)
            await store.mailboxes.append(mailbox, [message(b"Hello.\r\n")])
            await store.mailboxes.remove(mailbox, uids(1))
            await settled(store)
    (record,) = [record for record in caplog.records if record.message == "message deleted"]
    assert vars(record)["sha256"] == hashlib.sha256(HEADER + b"Hello.\r\n").hexdigest()
