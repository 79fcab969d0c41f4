"""Events of mails in SQLite: a row for each mail and write, in the order of time."""

from collections.abc import Sequence

import msgspec

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.tracing.ports import MAX_READ_EVENTS, TraceBatch, TraceEvent
from compostela.core.tracing.tracer import accepted_name

MAX_ROWS = 500_000
"""The oldest make room for others."""
REMOVED_AT_ONCE = 1000

_ADD = "INSERT INTO trace (trace, mail, until, events) VALUES (?, ?, ?, ?)"
_OLDEST = "SELECT min(id), max(id) FROM trace"
_REMOVE = "DELETE FROM trace WHERE id < ?1 AND (until < ?2 OR id < ?3)"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TraceEvent]).decode


class EmbeddedTraces:
    """See `compostela.core.tracing.ports`. Each write removes some of what is too old."""

    def __init__(self, writer: Writer, reader: Reader, max_rows: int = MAX_ROWS) -> None:
        self._writer = writer
        self._reader = reader
        self._max_rows = max_rows

    async def add(self, batches: Sequence[TraceBatch], now: float, until: float) -> None:
        rows = [(one.trace, one.mail, until, _encode(list(one.events))) for one in batches]

        def job(tx: Transaction) -> None:
            tx.connection.executemany(_ADD, rows)
            first, last = tx.execute(_OLDEST).fetchone()
            tx.execute(_REMOVE, (first + REMOVED_AT_ONCE + len(rows), now, last - self._max_rows + 1))

        await self._writer.run(job)

    async def read(self, id: str) -> list[TraceEvent]:
        rows = self._reader.execute(
            "SELECT events FROM trace WHERE trace = ? ORDER BY id LIMIT ?", (id, MAX_READ_EVENTS)
        ).fetchall()
        if not rows:
            rows = self._reader.execute(
                "SELECT events FROM trace WHERE mail = ? ORDER BY id LIMIT ?", (accepted_name(id), MAX_READ_EVENTS)
            ).fetchall()
        return sorted((event for row in rows for event in _decode(row[0])), key=lambda one: one.at)[:MAX_READ_EVENTS]
