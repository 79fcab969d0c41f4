"""Events of mails in SQLite: a row for each mail and write, in the order of time."""

from collections.abc import Sequence
from itertools import accumulate

import msgspec

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.tracing.ports import MAX_READ_EVENTS, TraceBatch, TraceEvent
from compostela.core.tracing.tracer import accepted_name

MAX_ROWS = 500_000
"""The oldest make room for others."""
REMOVED_AT_ONCE = 1000
ROW_BYTES = 100
"""What SQLite needs for a row beyond the values, which are the trace and the mail twice, for their indexes."""

_ADD = "INSERT INTO trace (octets, octets_before, trace, mail, until, events) VALUES (?, ?, ?, ?, ?, ?)"
_OLDEST = "SELECT id, octets_before FROM trace ORDER BY id LIMIT 1"
_NEWEST = "SELECT id, octets_before + octets FROM trace ORDER BY id DESC LIMIT 1"
_REMOVE = "DELETE FROM trace WHERE id < ?1 AND (until < ?2 OR id < ?3 OR octets_before < ?4)"
_MAKE_ROOM = """DELETE FROM trace WHERE id <
    coalesce((SELECT id FROM trace WHERE octets_before >= ?1 ORDER BY id LIMIT 1), (SELECT max(id) FROM trace))"""
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TraceEvent]).decode


class EmbeddedTraces:
    """See `compostela.core.tracing.ports`. Each write removes some of what is too old, and at least as many octets as it adds if there
    are too many. The newest row always stays."""

    def __init__(self, writer: Writer, reader: Reader, max_rows: int = MAX_ROWS) -> None:
        self._writer = writer
        self._reader = reader
        self._max_rows = max_rows

    async def add(self, batches: Sequence[TraceBatch], now: float, until: float, max_bytes: int) -> None:
        rows = [(one.trace, one.mail, until, _encode(list(one.events))) for one in batches]
        sizes = [ROW_BYTES + 2 * (len(trace) + len(mail)) + len(events) for trace, mail, _, events in rows]
        added = sum(sizes)

        def job(tx: Transaction) -> None:
            before = _newest(tx)[1]
            starts = accumulate(sizes[:-1], initial=before)
            values = [(size, start, *row) for size, start, row in zip(sizes, starts, rows, strict=True)]
            tx.connection.executemany(_ADD, values)
            last = _newest(tx)[0]
            first, first_octet = tx.execute(_OLDEST).fetchone()
            floor = before + added - max_bytes
            beyond = min(first + REMOVED_AT_ONCE + len(rows), last)
            tx.execute(_REMOVE, (beyond, now, last - self._max_rows + 1, floor))
            if first_octet < floor:
                tx.execute(_MAKE_ROOM, (min(floor, first_octet + added),))

        if rows:
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


def _newest(tx: Transaction) -> tuple[int, int]:
    """The id of the newest row, and the octets of it and of all before it."""
    id, octets = tx.execute(_NEWEST).fetchone() or (0, 0)
    return id, octets
