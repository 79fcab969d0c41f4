"""Events of mails in Cassandra, in buckets, under the trace and under the mail's name; they end by their TTL."""

import asyncio
from collections.abc import Sequence

import msgspec

from compostela.adapters.cassandra.session import CassandraSession, Row
from compostela.adapters.cassandra.trace_buckets import TraceBuckets
from compostela.base.concurrency import side_by_side
from compostela.base.ids import new_id
from compostela.core.tracing.ports import MAX_READ_EVENTS, TraceBatch, TraceEvent
from compostela.core.tracing.tracer import accepted_name

AT_ONCE = 32
"""Requests at the same time."""
ROW_BYTES = 100
"""What a batch takes beyond its values, in both tables together."""
_ADD = "INSERT INTO trace_bucket_event (bucket, id, part, events) VALUES (?, ?, ?, ?) USING TIMESTAMP 1 AND TTL ?"
_ADD_NAME = "INSERT INTO trace_bucket_mail (bucket, mail, id) VALUES (?, ?, ?) USING TIMESTAMP 1 AND TTL ?"
_READ = "SELECT events FROM trace_bucket_event WHERE bucket = ? AND id = ? LIMIT ?"
_FIND = "SELECT id FROM trace_bucket_mail WHERE bucket = ? AND mail = ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[TraceEvent]).decode


class CassandraTraces:
    """See `compostela.core.tracing.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._buckets = TraceBuckets(session)

    async def add(self, batches: Sequence[TraceBatch], now: float, until: float, max_bytes: int) -> None:
        await self._buckets.make_room(now, max_bytes)
        ttl = max(1, int(until - now))
        for start in range(0, len(batches), AT_ONCE):
            some = [(one, _encode(list(one.events))) for one in batches[start : start + AT_ONCE]]
            octets = sum(ROW_BYTES + 2 * (len(one.trace) + len(one.mail)) + len(events) for one, events in some)
            bucket = await self._buckets.take(octets, now, ttl, max_bytes)
            await asyncio.gather(*(self._add(bucket, one, events, ttl) for one, events in some))

    async def _add(self, bucket: str, batch: TraceBatch, events: bytes, ttl: int) -> None:
        await asyncio.gather(
            self._session.write(_ADD, bucket, batch.trace, new_id(), events, ttl),
            self._session.write(_ADD_NAME, bucket, batch.mail, batch.trace, ttl),
        )

    async def read(self, id: str) -> list[TraceEvent]:
        buckets = await self._buckets.all()
        events = await self._events(buckets, id)
        if not events:
            name = accepted_name(id)
            found = await self._in_each(buckets, _FIND, name)
            if found:
                events = [
                    event for event in await self._events(buckets, found[0][0]) if accepted_name(event.mail) == name
                ]
        return sorted(events, key=lambda one: one.at)[:MAX_READ_EVENTS]

    async def _events(self, buckets: Sequence[str], trace: str) -> list[TraceEvent]:
        rows = await self._in_each(buckets, _READ, trace, MAX_READ_EVENTS)
        return [event for row in rows for event in _decode(row[0])]

    async def _in_each(self, buckets: Sequence[str], query: str, *values: object) -> list[Row]:
        pages = await side_by_side(buckets, lambda bucket: self._session.rows(query, bucket, *values), AT_ONCE)
        return [row for rows in pages for row in rows]
