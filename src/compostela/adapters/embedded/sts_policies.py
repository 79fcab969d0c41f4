"""MTA-STS policies of other domains in SQLite."""

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.outbound.sts_ports import StoredStsPolicy
from compostela.model.domain import Domain

_PUT = "INSERT OR REPLACE INTO sts_policy VALUES (?, ?, ?, ?, ?)"
_REMOVE_OLD = "DELETE FROM sts_policy WHERE until < ?"


class EmbeddedStsPolicies:
    """See `compostela.core.outbound.sts_ports`. What is over goes with the next policy that is put."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def get(self, domain: Domain, now: float) -> StoredStsPolicy | None:
        row = self._reader.execute(
            "SELECT id, text, fetched_at, until FROM sts_policy WHERE domain = ? AND until > ?", (domain.name, now)
        ).fetchone()
        return None if row is None else StoredStsPolicy(*row)

    async def put(self, domain: Domain, policy: StoredStsPolicy) -> None:
        def job(tx: Transaction) -> None:
            tx.execute(_REMOVE_OLD, (policy.fetched_at,))
            tx.execute(_PUT, (domain.name, policy.id, policy.text, policy.fetched_at, policy.until))

        await self._writer.run(job)
