"""The embedded stores of users, domains and mappings keep to the contracts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.domains.ports import DomainStore
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.users.ports import UserStore
from tests.contracts.accounts import DomainStoreContract, RewritingStoreContract, UserStoreContract


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path)
    yield store
    await store.close()


class TestEmbeddedUsers(UserStoreContract):
    @pytest.fixture
    def users(self, store: EmbeddedStore) -> UserStore:
        return store.users


class TestEmbeddedDomains(DomainStoreContract):
    @pytest.fixture
    def domains(self, store: EmbeddedStore) -> DomainStore:
        return store.domains


class TestEmbeddedRewriting(RewritingStoreContract):
    @pytest.fixture
    def rewriting(self, store: EmbeddedStore) -> RewritingStore:
        return store.rewriting
