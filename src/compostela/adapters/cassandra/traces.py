"""Events of mails in Cassandra, under the trace and under the mail's name; they end by their TTL."""

import asyncio
from collections.abc import Sequence

import msgspec

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.ids import new_id
from compostela.core.tracing.ports import MAX_READ_EVENTS, TraceBatch, TraceEvent
from compostela.core.tracing.tracer import accepted_name

WRITES_AT_ONCE = 32
_ADD = "INSERT INTO mail_trace (id, part, events) VALUES (?, ?, ?) USING TIMESTAMP 1 AND TTL ?"
_ADD_NAME = "INSERT INTO mail_trace_name (mail, id) VALUES (?, ?) USING TIMESTAMP 1 AND TTL ?"
_READ = "SELECT events FROM mail_trace WHERE id = ? LIMIT ?"
_FIND = "SELECT id FROM mail_trace_name WHERE mail = ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TraceEvent]).decode


class CassandraTraces:
    """See `compostela.core.tracing.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def add(self, batches: Sequence[TraceBatch], now: float, until: float) -> None:
        ttl = max(1, int(until - now))
        for start in range(0, len(batches), WRITES_AT_ONCE):
            await asyncio.gather(*(self._add(one, ttl) for one in batches[start : start + WRITES_AT_ONCE]))

    async def _add(self, batch: TraceBatch, ttl: int) -> None:
        await asyncio.gather(
            self._session.write(_ADD, batch.trace, new_id(), _encode(list(batch.events)), ttl),
            self._session.write(_ADD_NAME, batch.mail, batch.trace, ttl),
        )

    async def read(self, id: str) -> list[TraceEvent]:
        rows = await self._session.rows(_READ, id, MAX_READ_EVENTS)
        events = [event for row in rows for event in _decode(row[0])]
        if not rows:
            name = accepted_name(id)
            found = await self._session.first(_FIND, name)
            rows = [] if found is None else await self._session.rows(_READ, found[0], MAX_READ_EVENTS)
            events = [event for row in rows for event in _decode(row[0]) if accepted_name(event.mail) == name]
        return sorted(events, key=lambda one: one.at)[:MAX_READ_EVENTS]
