"""Users, domains, the rewrite table and delegations in Cassandra keep to the contracts."""

import pytest

from compostela.adapters.cassandra.domains import CassandraDomains
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.users import CassandraDelegations, CassandraUsers
from compostela.core.authentication.ports import DelegationStore
from compostela.core.domains.ports import DomainStore
from compostela.core.rewriting.ports import RewritingStore
from compostela.core.users.ports import UserStore
from tests.contracts.accounts import (
    DelegationStoreContract,
    DomainStoreContract,
    RewritingStoreContract,
    UserStoreContract,
)
from tests.distributed.conftest import STALE_SECONDS


def users_of(session: CassandraSession) -> UserStore:
    return CassandraUsers(session, Lookups(STALE_SECONDS), CassandraDelegations(session))


class TestCassandraUsers(UserStoreContract):
    @pytest.fixture
    def users(self, session: CassandraSession) -> UserStore:
        return users_of(session)

    @pytest.fixture
    def users_elsewhere(self, session_elsewhere: CassandraSession) -> UserStore:
        return users_of(session_elsewhere)


class TestCassandraDelegations(DelegationStoreContract):
    @pytest.fixture
    def delegations(self, session: CassandraSession) -> DelegationStore:
        return CassandraDelegations(session)

    @pytest.fixture
    def delegations_elsewhere(self, session_elsewhere: CassandraSession) -> DelegationStore:
        return CassandraDelegations(session_elsewhere)

    @pytest.fixture
    def users(self, session: CassandraSession) -> UserStore:
        return users_of(session)


class TestCassandraDomains(DomainStoreContract):
    @pytest.fixture
    def domains(self, session: CassandraSession) -> DomainStore:
        return CassandraDomains(session, Lookups(STALE_SECONDS))

    @pytest.fixture
    def domains_elsewhere(self, session_elsewhere: CassandraSession) -> DomainStore:
        return CassandraDomains(session_elsewhere, Lookups(STALE_SECONDS))


class TestCassandraRewriting(RewritingStoreContract):
    @pytest.fixture
    def rewriting(self, session: CassandraSession) -> RewritingStore:
        return CassandraRewriting(session, Lookups(STALE_SECONDS))

    @pytest.fixture
    def rewriting_elsewhere(self, session_elsewhere: CassandraSession) -> RewritingStore:
        return CassandraRewriting(session_elsewhere, Lookups(STALE_SECONDS))
