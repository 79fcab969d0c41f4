"""Counts of TLS sessions: a row for each time that a node adds some, so none is counted twice."""

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.ids import new_id
from compostela.core.outbound.tls_reports import TlsResult
from compostela.model.domain import Domain

_ADD = "INSERT INTO tls_result (day, domain, part, counts) VALUES (?, ?, ?, ?) USING TIMESTAMP 1 AND TTL ?"
_DOMAINS = "SELECT domain FROM tls_result WHERE day = ?"
_RESULTS = "SELECT counts FROM tls_result WHERE day = ? AND domain = ?"
_REMOVE = "DELETE FROM tls_result USING TIMESTAMP 2 WHERE day = ? AND domain = ?"
_KEPT_SECONDS = 30 * 86400
"""Results whose report cannot be sent end by themselves."""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[tuple[TlsResult, int]]).decode


class CassandraTlsResults:
    """See `compostela.core.outbound.tls_reports.TlsResultStore`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def add(self, day: int, domain: Domain, counts: Mapping[TlsResult, int]) -> None:
        await self._session.write(_ADD, day, domain.name, new_id(), _encode(list(counts.items())), _KEPT_SECONDS)

    async def domains(self, day: int) -> Sequence[Domain]:
        names: set[str] = set()
        async for page in self._session.pages(_DOMAINS, day):
            names.update(row[0] for row in page)
        return [Domain(name) for name in sorted(names)]

    async def results(self, day: int, domain: Domain) -> Mapping[TlsResult, int]:
        total: Counter[TlsResult] = Counter()
        async for page in self._session.pages(_RESULTS, day, domain.name):
            for row in page:
                total.update(dict(_decode(row[0])))
        return dict(total)

    async def remove(self, day: int, domain: Domain) -> None:
        await self._session.write(_REMOVE, day, domain.name)
