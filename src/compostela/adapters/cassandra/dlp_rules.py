"""DLP rules: those of a domain in one cell."""

from collections.abc import Sequence

import msgspec

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.dlp.model import DlpRule
from compostela.model.domain import Domain

_GET = "SELECT rules, revision FROM dlp_rules WHERE domain = ?"
_SET = "UPDATE dlp_rules SET rules = ?, revision = ? WHERE domain = ? IF revision = ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[DlpRule]).decode


class CassandraDlpRules:
    """See `compostela.core.dlp.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def get(self, domain: Domain) -> Sequence[DlpRule]:
        row = await self._session.first(_GET, domain.name)
        return () if row is None or row[0] is None else _decode(row[0])

    async def replace(self, domain: Domain, rules: Sequence[DlpRule]) -> None:
        await self._set(domain, _encode(list(rules)))

    async def clear(self, domain: Domain) -> None:
        await self._set(domain, None)

    async def _set(self, domain: Domain, rules: bytes | None) -> None:
        async def change() -> None:
            row = await self._session.first(_GET, domain.name)
            revision = None if row is None else row[1]
            changed = await self._session.write_if(_SET, rules, (revision or 0) + 1, domain.name, revision)
            if not changed.applied:
                raise Conflict

        await planned(change)
