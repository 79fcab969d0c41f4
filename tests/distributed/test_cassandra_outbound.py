"""MTA-STS policies and TLS results in Cassandra keep to the contracts."""

import pytest

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sts_policies import CassandraStsPolicies
from compostela.adapters.cassandra.tls_results import CassandraTlsResults
from compostela.adapters.cassandra.trace_buckets import BUCKETS, DEAD_SECONDS, LOOK_SECONDS
from compostela.adapters.cassandra.traces import CassandraTraces
from compostela.core.outbound.sts_ports import StsPolicyStore
from compostela.core.outbound.tls_reports import TlsResultStore
from compostela.core.tracing.ports import TraceBatch, TraceStore
from compostela.testing.clock import START
from tests.contracts.outbound_stores import StsPolicyStoreContract, TlsResultStoreContract
from tests.contracts.traces import MAIL, PLENTY, TraceStoreContract, event


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


LITTLE = 20_000
"""Buckets take 312 octets: one batch of the tests fits."""
KEPT_SECONDS = 1e6


async def add(traces: TraceStore, trace: str, now: float) -> None:
    await traces.add([TraceBatch(trace, MAIL, [event(1)])], now, now + KEPT_SECONDS, LITTLE)


async def listed_octets(session: CassandraSession) -> int:
    return sum(row[0] for row in await session.rows("SELECT octets FROM trace_bucket"))


async def test_the_octets_of_all_traces_are_bounded_and_the_oldest_goes_first(
    session: CassandraSession, session_elsewhere: CassandraSession
) -> None:
    nodes = CassandraTraces(session), CassandraTraces(session_elsewhere)
    now = START
    for number in range(200):
        now += LOOK_SECONDS / 2
        await add(nodes[number % 2], f"T{number}", now)
    found = [bool(await nodes[0].read(f"T{number}")) for number in range(200)]
    assert found == sorted(found)
    assert sum(found) > BUCKETS / 2
    # each node looks at every second write of its own
    assert await listed_octets(session) <= LITTLE * (1 + 4 / BUCKETS)


async def test_no_process_writes_into_a_bucket_that_another_removes(
    session: CassandraSession, session_elsewhere: CassandraSession
) -> None:
    quiet, busy = CassandraTraces(session), CassandraTraces(session_elsewhere)
    # it has room for all of one minute
    await quiet.add([TraceBatch("before", MAIL, [event(1)])], START, START + KEPT_SECONDS, PLENTY)
    for number in range(150):
        await add(busy, f"T{number}", START + number * LOOK_SECONDS / 10)
    assert await busy.read("T0") == []
    assert await busy.read("before") == [event(1)], "its bucket is open"
    for number in range(20):
        await add(busy, f"later-{number}", START + 2 * DEAD_SECONDS + number * LOOK_SECONDS)
    assert await busy.read("before") == []
    later = START + 2 * DEAD_SECONDS + 20 * LOOK_SECONDS
    await quiet.add([TraceBatch("after", MAIL, [event(1)])], later, later + KEPT_SECONDS, PLENTY)
    assert await busy.read("after") == [event(1)]
