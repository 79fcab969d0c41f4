"""The embedded stores of MTA-STS policies and of TLS results keep to their contracts."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from tests.adapters.embedded.distance import clock, elsewhere, eventually, store
from tests.contracts.outbound_stores import StsPolicyStoreContract, TlsResultStoreContract

__all__ = ["clock", "elsewhere", "eventually", "store"]


class TestEmbeddedStsPolicies(StsPolicyStoreContract):
    @pytest.fixture
    def policies(self, store: EmbeddedStore) -> StsPolicyStore:
        return store.outbound.sts_policies

    @pytest.fixture
    def policies_elsewhere(self, elsewhere: EmbeddedStore) -> StsPolicyStore:
        return elsewhere.outbound.sts_policies


class TestEmbeddedTlsResults(TlsResultStoreContract):
    @pytest.fixture
    def results(self, store: EmbeddedStore) -> TlsResultStore:
        return store.outbound.tls_results

    @pytest.fixture
    def results_elsewhere(self, elsewhere: EmbeddedStore) -> TlsResultStore:
        return elsewhere.outbound.tls_results
