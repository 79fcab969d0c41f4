"""The embedded blob store, its bodies, and those in memory keep to the contracts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.blob.ports import BlobGarbage, BlobsById, BlobStore
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import Uid
from tests.contracts.blobs import BlobStoreContract, BodyContract, MakeBody, spilled
from tests.contracts.blobs_by_id import BlobGarbageContract, BlobsByIdContract
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox


class TestBodiesInMemory(BodyContract):
    @pytest.fixture
    def make_body(self) -> MakeBody:
        async def make(data: bytes) -> Body:
            return MemoryBody(data)

        return make


class TestSpilledBodies(BodyContract):
    @pytest.fixture
    def make_body(self, store: EmbeddedStore) -> MakeBody:
        async def make(data: bytes) -> Body:
            return await spilled(store.blobs, data)

        return make


@pytest.mark.parametrize("spill", [False, True], ids=["rows", "files"])
class TestStoredBodies(BodyContract):
    @pytest.fixture
    def make_body(self, store: EmbeddedStore, mailboxes: MailboxStore, spill: bool) -> MakeBody:
        async def make(data: bytes) -> Body:
            body = await spilled(store.blobs, data) if spill else MemoryBody(data)
            mailbox = await a_mailbox(mailboxes)
            await mailboxes.append(mailbox, [NewMessage(MessageContent(HEADER, body), b"", DATE)])
            stored = await mailboxes.message(mailbox, Uid(1))
            assert stored is not None
            return stored.content.body

        return make


class TestEmbeddedBlobs(BlobStoreContract):
    pass


@pytest.fixture
async def full(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A store whose disk has no more room than the reserve."""
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=2**60)
    yield store
    await store.close()


async def test_below_the_reserve_there_is_no_room(full: EmbeddedStore) -> None:
    with pytest.raises(StorageFull):
        full.blobs.check_room(1)
    with pytest.raises(StorageFull):
        full.blobs.spill()


async def test_a_spill_that_nothing_refers_to_goes(store: EmbeddedStore, tmp_path: Path) -> None:
    body = await spilled(store.blobs, b"x" * 1000)
    assert len(list((tmp_path / "blobs").glob("*/*"))) == 1
    del body
    assert list((tmp_path / "blobs").glob("*/*")) == []


@pytest.fixture
def blobs(store: EmbeddedStore) -> BlobStore:
    return store.blobs


@pytest.fixture
def blobs_by_id(store: EmbeddedStore) -> BlobsById:
    return store.blobs_by_id


@pytest.fixture
def garbage(store: EmbeddedStore) -> BlobGarbage:
    return store.blob_garbage


class TestEmbeddedBlobsById(BlobsByIdContract):
    pass


class TestEmbeddedBlobGarbage(BlobGarbageContract):
    pass
