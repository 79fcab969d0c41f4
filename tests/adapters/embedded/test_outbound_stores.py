"""The embedded stores of MTA-STS policies and of TLS results keep to their contracts."""

import apsw
import pytest

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.outbound_tables import TRACE_SIZE_TABLES, TRACE_TABLES
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.tls_results import KEPT_DAYS
from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from compostela.core.tracing.ports import TraceBatch, TraceStore
from compostela.testing.clock import START
from tests.adapters.embedded.distance import clock, elsewhere, eventually, store
from tests.contracts.outbound_stores import FINE, ORG, StsPolicyStoreContract, TlsResultStoreContract
from tests.contracts.traces import MAIL, PLENTY, TraceStoreContract, event

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
    await traces.add([TraceBatch("old", MAIL, [event(1)])], START, START + 10, PLENTY)
    await traces.add([TraceBatch("new", MAIL, [event(1)])], START + 11, START + 100, PLENTY)
    assert await traces.read("old") == []
    assert await traces.read("new") == [event(1)]
    monkeypatch.setattr(traces, "_max_rows", 3)
    for number in range(5):
        await traces.add([TraceBatch(str(number), MAIL, [event(1)])], START, START + 100, PLENTY)
    found = [trace for trace in ("new", "0", "1", "2", "3", "4") if await traces.read(trace)]
    assert found == ["2", "3", "4"]


async def kept_octets(store: EmbeddedStore) -> int:
    """What the table takes by its pages, with its indexes."""
    connection = apsw.Connection(str(store.folder / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)
    used = connection.execute(
        "SELECT sum(payload) FROM dbstat WHERE name IN ('trace', 'trace_trace', 'trace_mail') AND pagetype IN ('leaf', 'overflow')"
    ).get
    connection.close()
    return int(used or 0)


async def test_octets_are_bounded_and_the_oldest_goes_first(store: EmbeddedStore) -> None:
    traces = store.outbound.traces
    small, large = [event(1)], [event(number) for number in range(100)]
    for number in range(40):
        await traces.add([TraceBatch(f"small-{number}", MAIL, small)], START, START + 100, 100_000)
    assert await traces.read("small-0") == small
    # one write that is as large as many before it
    for number in range(20):
        batches = [TraceBatch(f"large-{number}-{part}", MAIL, large) for part in range(2)]
        await traces.add(batches, START, START + 100, 100_000)
    assert await traces.read("small-39") == []
    found = [bool(await traces.read(f"large-{number}-{part}")) for number in range(20) for part in range(2)]
    assert found == sorted(found)
    assert found[-2:] == [True, True]
    assert 80_000 < await kept_octets(store) <= 100_000
    # less is kept from now on
    await traces.add([TraceBatch("last", MAIL, small)], START, START + 100, 1000)
    assert await traces.read("large-19-1") == []
    assert await traces.read("last") == small


async def test_the_newest_row_stays_though_it_is_too_large_alone(store: EmbeddedStore) -> None:
    traces = store.outbound.traces
    for number in range(3):
        await traces.add([TraceBatch(str(number), MAIL, [event(1)])], START, START + 100, 10)
    assert [bool(await traces.read(str(number))) for number in range(3)] == [False, False, True]


def test_rows_of_an_older_release_are_counted() -> None:
    connection = apsw.Connection(":memory:")
    for statement in TRACE_TABLES:
        connection.execute(statement)
    for id, trace in enumerate(("T1", "T2", "T3"), 7):
        connection.execute("INSERT INTO trace VALUES (?, ?, 'mail', 5.0, ?)", (id, trace, bytes(100 * id)))
    for statement in TRACE_SIZE_TABLES:
        connection.execute(statement)
    assert connection.execute("SELECT id, octets, octets_before, trace, length(events) FROM trace").fetchall() == [
        (7, 812, 0, "T1", 700), (8, 912, 812, "T2", 800), (9, 1012, 1724, "T3", 900),
    ]  # fmt: skip
