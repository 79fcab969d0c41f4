"""The embedded stores of MTA-STS policies and of TLS results keep to their contracts."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.tls_results import KEPT_DAYS
from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from compostela.core.tracing.ports import TraceBatch, TraceStore
from compostela.testing.clock import START
from tests.adapters.embedded.distance import clock, elsewhere, eventually, store
from tests.contracts.outbound_stores import FINE, ORG, StsPolicyStoreContract, TlsResultStoreContract
from tests.contracts.traces import MAIL, TraceStoreContract, event

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


class TestEmbeddedTraces(TraceStoreContract):
    @pytest.fixture
    def traces(self, store: EmbeddedStore) -> TraceStore:
        return store.outbound.traces

    @pytest.fixture
    def traces_elsewhere(self, elsewhere: EmbeddedStore) -> TraceStore:
        return elsewhere.outbound.traces


async def test_results_whose_report_cannot_be_sent_are_not_kept_for_ever(store: EmbeddedStore) -> None:
    results = store.outbound.tls_results
    for day in (1, 2, 2 + KEPT_DAYS):
        await results.add(day, ORG, {FINE: 1})
    assert [len(await results.domains(day)) for day in (1, 2, 2 + KEPT_DAYS)] == [0, 1, 1]


async def test_what_is_too_old_or_too_much_makes_room(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    traces = store.outbound.traces
    await traces.add([TraceBatch("old", MAIL, [event(1)])], START, START + 10)
    await traces.add([TraceBatch("new", MAIL, [event(1)])], START + 11, START + 100)
    assert await traces.read("old") == []
    assert await traces.read("new") == [event(1)]
    monkeypatch.setattr(traces, "_max_rows", 3)
    for number in range(5):
        await traces.add([TraceBatch(str(number), MAIL, [event(1)])], START, START + 100)
    found = [trace for trace in ("new", "0", "1", "2", "3", "4") if await traces.read(trace)]
    assert found == ["2", "3", "4"]
