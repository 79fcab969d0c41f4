"""Counts of TLS sessions in SQLite."""

from collections.abc import Mapping, Sequence

import msgspec

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.outbound.tls_reports import TlsResult
from compostela.model.domain import Domain

KEPT_DAYS = 30
"""Results whose report cannot be sent are removed after so many days."""
_ADD = """INSERT INTO tls_result VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (day, domain, result) DO UPDATE SET sessions = sessions + ?4"""
_REMOVE_OLD = "DELETE FROM tls_result WHERE day < ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(TlsResult).decode


class EmbeddedTlsResults:
    """See `compostela.core.outbound.tls_reports.TlsResultStore`. Each `add` removes what is too old."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, day: int, domain: Domain, counts: Mapping[TlsResult, int]) -> None:
        rows = [(day, domain.name, _encode(result), count) for result, count in counts.items()]

        def job(tx: Transaction) -> None:
            tx.execute(_REMOVE_OLD, (day - KEPT_DAYS,))
            for row in rows:
                tx.execute(_ADD, row)

        await self._writer.run(job)

    async def domains(self, day: int) -> Sequence[Domain]:
        rows = self._reader.execute("SELECT DISTINCT domain FROM tls_result WHERE day = ? ORDER BY domain", (day,))
        return [Domain(row[0]) for row in rows.fetchall()]

    async def results(self, day: int, domain: Domain) -> Mapping[TlsResult, int]:
        rows = self._reader.execute(
            "SELECT result, sessions FROM tls_result WHERE day = ? AND domain = ?", (day, domain.name)
        )
        return {_decode(row[0]): row[1] for row in rows.fetchall()}

    async def remove(self, day: int, domain: Domain) -> None:
        await self._writer.execute(
            "DELETE FROM tls_result WHERE day = ? AND domain = ?", (day, domain.name), frees_space=True
        )
