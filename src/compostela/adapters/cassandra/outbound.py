"""The stores for mail that leaves."""

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sts_policies import CassandraStsPolicies
from compostela.adapters.cassandra.tls_results import CassandraTlsResults
from compostela.adapters.cassandra.traces import CassandraTraces
from compostela.core.outbound.stores import OutboundStores


def outbound_stores(session: CassandraSession) -> OutboundStores:
    return OutboundStores(CassandraStsPolicies(session), CassandraTlsResults(session), CassandraTraces(session))
