"""The embedded stores of mailboxes and blobs keep to the contracts of a store that is far away, and to the others over two processes."""

from typing import cast

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.ports import BlobGarbage, BlobsById, BlobStore
from compostela.core.mailbox.ports import MailboxStore
from tests.adapters.embedded.distance import clock, elsewhere, faulty, held_store, held_writer, store
from tests.contracts.blob_distance import BlobDistanceContract
from tests.contracts.blobs_by_id import GenerationsPass
from tests.contracts.blobs_by_id_distance import BlobsByIdDistanceContract
from tests.contracts.distance import Alternately, Eventually, eventually_within
from tests.contracts.mailbox_changes import MailboxChangesContract
from tests.contracts.mailbox_distance import MailboxDistanceContract
from tests.contracts.mailbox_interruptions import MailboxInterruptionsContract
from tests.contracts.mailbox_messages import MailboxMessagesContract
from tests.contracts.mailboxes import MailboxesContract

__all__ = ["clock", "elsewhere", "faulty", "held_store", "held_writer", "store"]


@pytest.fixture
def mailboxes(store: EmbeddedStore) -> MailboxStore:
    return store.mailboxes


@pytest.fixture
def mailboxes_elsewhere(elsewhere: EmbeddedStore) -> MailboxStore:
    return elsewhere.mailboxes


@pytest.fixture
def held_mailboxes(held_store: EmbeddedStore) -> MailboxStore:
    return held_store.mailboxes


@pytest.fixture
def eventually() -> Eventually:
    """What a cancelled call leaves to a thread ends soon after it."""
    return eventually_within(5.0)


@pytest.fixture
def blobs(store: EmbeddedStore) -> BlobStore:
    return store.blobs


@pytest.fixture
def blobs_elsewhere(elsewhere: EmbeddedStore) -> BlobStore:
    return elsewhere.blobs


class TestEmbeddedBlobDistance(BlobDistanceContract):
    pass


@pytest.fixture
def blobs_by_id(store: EmbeddedStore) -> BlobsById:
    return store.blobs_by_id


@pytest.fixture
def blobs_by_id_elsewhere(elsewhere: EmbeddedStore) -> BlobsById:
    return elsewhere.blobs_by_id


@pytest.fixture
def held_blobs_by_id(held_store: EmbeddedStore) -> BlobsById:
    return held_store.blobs_by_id


@pytest.fixture
def garbage(store: EmbeddedStore) -> BlobGarbage:
    return store.blob_garbage


@pytest.fixture
def garbage_elsewhere(elsewhere: EmbeddedStore) -> BlobGarbage:
    return elsewhere.blob_garbage


class TestEmbeddedBlobsByIdDistance(BlobsByIdDistanceContract):
    @pytest.fixture
    def time_of_a_save(self, generations_pass: GenerationsPass) -> GenerationsPass:
        return generations_pass


class TestEmbeddedMailboxes(MailboxesContract):
    pass


class TestEmbeddedMailboxDistance(MailboxDistanceContract):
    pass


class TestEmbeddedMailboxInterruptions(MailboxInterruptionsContract):
    pass


class OnTwoNodes:
    """Each call goes to the other of two processes than the one before."""

    @pytest.fixture
    def mailboxes(self, store: EmbeddedStore, elsewhere: EmbeddedStore) -> MailboxStore:
        return cast("MailboxStore", Alternately(store.mailboxes, elsewhere.mailboxes))


class TestMailboxesOnTwoNodes(OnTwoNodes, MailboxesContract):
    pass


class TestMessagesOnTwoNodes(OnTwoNodes, MailboxMessagesContract):
    pass


class TestChangesOnTwoNodes(OnTwoNodes, MailboxChangesContract):
    pass
