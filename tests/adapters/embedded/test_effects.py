"""The keys of effects in the embedded store keep to the contract."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.blob.ports import BlobStore
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from tests.adapters.embedded.distance import clock, faulty, held_store, held_writer, store
from tests.contracts.effects import EffectsContract

__all__ = ["clock", "faulty", "held_store", "held_writer", "store"]


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
