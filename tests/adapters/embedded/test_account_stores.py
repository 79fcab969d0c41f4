"""The embedded stores of users, domains and mappings keep to the contracts."""

import asyncio

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.authentication.ports import DelegationStore
from compostela.core.domains.ports import DomainStore
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.users.ports import UserStore
from compostela.model.domain import Domain
from compostela.model.mailbox_path import MailboxPath
from compostela.model.username import Username
from tests.adapters.embedded.distance import clock, elsewhere, eventually, faulty, store
from tests.contracts.accounts import (
    DelegationStoreContract,
    DomainStoreContract,
    RewritingStoreContract,
    UserStoreContract,
    all_of,
)

__all__ = ["clock", "elsewhere", "eventually", "faulty", "store"]


class TestEmbeddedUsers(UserStoreContract):
    @pytest.fixture
    def users(self, store: EmbeddedStore) -> UserStore:
        return store.users

    @pytest.fixture
    def users_elsewhere(self, elsewhere: EmbeddedStore) -> UserStore:
        return elsewhere.users


class TestEmbeddedDelegations(DelegationStoreContract):
    @pytest.fixture
    def delegations(self, store: EmbeddedStore) -> DelegationStore:
        return store.delegations

    @pytest.fixture
    def delegations_elsewhere(self, elsewhere: EmbeddedStore) -> DelegationStore:
        return elsewhere.delegations

    @pytest.fixture
    def users(self, store: EmbeddedStore) -> UserStore:
        return store.users


class TestEmbeddedDomains(DomainStoreContract):
    @pytest.fixture
    def domains(self, store: EmbeddedStore) -> DomainStore:
        return store.domains

    @pytest.fixture
    def domains_elsewhere(self, elsewhere: EmbeddedStore) -> DomainStore:
        return elsewhere.domains


class TestEmbeddedRewriting(RewritingStoreContract):
    @pytest.fixture
    def rewriting(self, store: EmbeddedStore) -> RewritingStore:
        return store.rewriting

    @pytest.fixture
    def rewriting_elsewhere(self, elsewhere: EmbeddedStore) -> RewritingStore:
        return elsewhere.rewriting


async def test_a_change_whose_caller_was_cancelled_is_not_forgotten(store: EmbeddedStore) -> None:
    """The change happens all the same, so no reader may go on with the old state."""

    async def add_and_ask(domain: Domain) -> None:
        try:
            await store.domains.add(domain)
        finally:
            await store.domains.contains(domain)

    for number in range(20):
        domain = Domain(f"d{number}.example")
        adding = asyncio.ensure_future(add_and_ask(domain))
        await asyncio.sleep(0)
        adding.cancel()
        await asyncio.gather(adding, return_exceptions=True)
        await store.mailboxes.create(MailboxPath.inbox(Username(f"user{number}")))
        assert await store.domains.contains(domain) is (domain in await all_of(store.domains))
