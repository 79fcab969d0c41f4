"""The keys of effects in the embedded store keep to the contract."""

from pathlib import Path

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.ports import BlobStore
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from tests.adapters.embedded.distance import clock, faulty, held_store, held_writer, store
from tests.adapters.embedded.test_mailbox_store import mailboxes, stored_octets
from tests.contracts.effects import EffectsContract, RememberedEffects

__all__ = ["clock", "faulty", "held_store", "held_writer", "mailboxes", "store", "stored_octets"]


@pytest.fixture
def remembered_effects(store: EmbeddedStore, tmp_path: Path) -> RememberedEffects:
    async def count() -> int:
        connection = apsw.Connection(str(tmp_path / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
        rows: int = connection.execute("SELECT count(*) FROM effect").fetchone()[0]
        connection.close()
        return rows

    return count


class TestEmbeddedEffects(EffectsContract):
    @pytest.fixture
    def queues(self, store: EmbeddedStore) -> MailQueues:
        return store.queues

    @pytest.fixture
    def held_queues(self, held_store: EmbeddedStore) -> MailQueues:
        return held_store.queues

    @pytest.fixture
    def repositories(self, store: EmbeddedStore) -> MailRepositoryStore:
        return store.repositories

    @pytest.fixture
    def blobs(self, store: EmbeddedStore) -> BlobStore:
        return store.blobs
