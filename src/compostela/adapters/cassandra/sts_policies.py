"""MTA-STS policies of other domains, which end by their TTL."""

from compostela.adapters.cassandra.conditional import ttl_seconds
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.outbound.sts_ports import StoredStsPolicy
from compostela.model.domain import Domain

_GET = "SELECT id, policy, fetched_at, until FROM sts_policy WHERE domain = ?"
_PUT = (
    "INSERT INTO sts_policy (domain, id, policy, fetched_at, until) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?"
)


class CassandraStsPolicies:
    """See `compostela.core.outbound.sts_ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def get(self, domain: Domain, now: float) -> StoredStsPolicy | None:
        row = await self._session.first(_GET, domain.name)
        return None if row is None or row[3] is None or row[3] <= now else StoredStsPolicy(*row)

    async def put(self, domain: Domain, policy: StoredStsPolicy) -> None:
        ttl = ttl_seconds(policy.fetched_at, policy.until)
        values = (policy.id, policy.text, policy.fetched_at, policy.until)
        # the one that was fetched later counts
        await self._session.write(_PUT, domain.name, *values, int(policy.fetched_at * 1000), ttl)
