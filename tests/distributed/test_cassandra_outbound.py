"""MTA-STS policies and TLS results in Cassandra keep to the contracts."""

import pytest

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sts_policies import CassandraStsPolicies
from compostela.adapters.cassandra.tls_results import CassandraTlsResults
from compostela.adapters.cassandra.traces import CassandraTraces
from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from compostela.core.tracing.ports import TraceStore
from tests.contracts.outbound_stores import StsPolicyStoreContract, TlsResultStoreContract
from tests.contracts.traces import TraceStoreContract


class TestCassandraStsPolicies(StsPolicyStoreContract):
    @pytest.fixture
    def policies(self, session: CassandraSession) -> StsPolicyStore:
        return CassandraStsPolicies(session)

    @pytest.fixture
    def policies_elsewhere(self, session_elsewhere: CassandraSession) -> StsPolicyStore:
        return CassandraStsPolicies(session_elsewhere)


class TestCassandraTlsResults(TlsResultStoreContract):
    @pytest.fixture
    def results(self, session: CassandraSession) -> TlsResultStore:
        return CassandraTlsResults(session)

    @pytest.fixture
    def results_elsewhere(self, session_elsewhere: CassandraSession) -> TlsResultStore:
        return CassandraTlsResults(session_elsewhere)


class TestCassandraTraces(TraceStoreContract):
    @pytest.fixture
    def traces(self, session: CassandraSession) -> TraceStore:
        return CassandraTraces(session)

    @pytest.fixture
    def traces_elsewhere(self, session_elsewhere: CassandraSession) -> TraceStore:
        return CassandraTraces(session_elsewhere)
