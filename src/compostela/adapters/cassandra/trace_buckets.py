"""Buckets of events in Cassandra, by which the octets of all events are bounded.

A process writes into a bucket of its own until that is full, and then into another. Table `trace_bucket` lists the buckets of all
processes with their octets. Once a minute each process looks whether they are more than is wanted, and removes whole buckets, the
least recently written first: one tombstone for each, in place of one for each trace. An open bucket is removed only if its process has
not written for `DEAD_SECONDS`; a process writes no longer into a bucket that is older than `OPEN_SECONDS`, or was not written for
`IDLE_SECONDS`. So no process writes into a bucket that others remove. The open buckets are all that may be too much.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.ids import new_id

MAX_BUCKET_BYTES = 8 * 1024 * 1024
"""A bucket is a partition."""
BUCKETS = 64
"""A bucket takes at most this part of all that is kept."""
OPEN_SECONDS = 6 * 3600.0
IDLE_SECONDS = 600.0
DEAD_SECONDS = 1800.0
LOOK_SECONDS = 60.0
LAST = 2**62
"""The timestamp of a removal: a bucket that was removed from the list does not come back by a late note. Rows have 1."""

_NOTE = (
    "INSERT INTO trace_bucket (name, bucket, octets, changed_at, is_closed) VALUES ('all', ?, ?, ?, ?)"
    " USING TIMESTAMP ? AND TTL ?"
)
_LIST = "SELECT bucket, octets, changed_at, is_closed FROM trace_bucket WHERE name = 'all'"
_FORGET = f"DELETE FROM trace_bucket USING TIMESTAMP {LAST} WHERE name = 'all' AND bucket = ?"
_REMOVE = (
    "DELETE FROM trace_bucket_event USING TIMESTAMP 2 WHERE bucket = ?",
    "DELETE FROM trace_bucket_mail USING TIMESTAMP 2 WHERE bucket = ?",
)


@dataclass(slots=True)
class _Open:
    """The bucket of this process. It was opened and is written at these times, epoch seconds."""

    id: str
    opened_at: float
    changed_at: float
    octets: int = 0
    notes: int = 0
    """How often it was noted in the list: the order of the notes."""


class TraceBuckets:
    """Those of this process are written, those of all are listed and removed."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._open: _Open | None = None
        self._looked_at = 0.0

    async def take(self, octets: int, now: float, ttl: int, max_bytes: int) -> str:
        """The bucket for events of so many octets, which are counted. Raises `TemporaryFailure`."""
        limit = min(MAX_BUCKET_BYTES, max_bytes // BUCKETS)
        current = self._open
        if current is not None and _is_over(current, octets, now, limit):
            self._open = None
            await self._note(current, current.changed_at, ttl, is_closed=True)
        if self._open is None:
            self._open = _Open(new_id(), now, now)
        current = self._open
        current.octets += octets
        current.changed_at = now
        await self._note(current, now, ttl, is_closed=False)
        return current.id

    async def all(self) -> Sequence[str]:
        """Raises `TemporaryFailure`."""
        return [row[0] async for page in self._session.pages(_LIST) for row in page]

    async def make_room(self, now: float, max_bytes: int) -> None:
        """Removes the oldest buckets if there are more octets than that; looks once in `LOOK_SECONDS`. Raises `TemporaryFailure`."""
        if abs(now - self._looked_at) < LOOK_SECONDS:
            return
        self._looked_at = now
        rows = [row async for page in self._session.pages(_LIST) for row in page]
        excess = sum(octets for _, octets, _, _ in rows) - max_bytes
        for bucket, octets, changed_at, is_closed in sorted(rows, key=lambda row: row[2]):
            if excess <= 0:
                return
            if is_closed or changed_at < now - DEAD_SECONDS:
                await asyncio.gather(*(self._session.write(text, bucket) for text in _REMOVE))
                # last: a removal that failed is tried again
                await self._session.write(_FORGET, bucket)
                excess -= octets

    async def _note(self, bucket: _Open, at: float, ttl: int, *, is_closed: bool) -> None:
        bucket.notes += 1
        await self._session.write(_NOTE, bucket.id, bucket.octets, at, is_closed, bucket.notes, ttl)


def _is_over(bucket: _Open, octets: int, now: float, limit: int) -> bool:
    return (
        bucket.octets + octets > limit
        or now - bucket.opened_at > OPEN_SECONDS
        or abs(now - bucket.changed_at) > IDLE_SECONDS
    )
