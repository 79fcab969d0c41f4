"""Triplets of greylisting: one cell each, whose version is the triplet itself."""

import struct

from compostela.adapters.cassandra.conditional import ttl_seconds
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock
from compostela.core.filtering.ports import SeenTriplet

_FIND = "SELECT seen FROM greylist WHERE key = ?"
_REMEMBER = "INSERT INTO greylist (key, seen) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?"
_LAYOUT = struct.Struct(">dd?")
_UNTIL_BITS = 20
_UNTIL_UNIT_SECONDS = 8
"""So that the version has room for 97 days between the first attempt and the end."""


class CassandraGreylist:
    """See `compostela.core.filtering.ports`."""

    def __init__(self, session: CassandraSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock

    async def find(self, key: bytes) -> SeenTriplet | None:
        row = await self._session.first(_FIND, key)
        return None if row is None else SeenTriplet(*_LAYOUT.unpack(row[0]))

    async def remember(self, key: bytes, seen: SeenTriplet) -> None:
        cell = _LAYOUT.pack(seen.since, seen.until, seen.has_passed)
        ttl = ttl_seconds(self._clock.now(), seen.until)
        await self._session.write(_REMEMBER, key, cell, _version(seen), ttl)


def _version(seen: SeenTriplet) -> int:
    """Later words have greater versions: a client begins, passes, and comes again before its time is over; after that it begins
    later than before."""
    until = min(max(int((seen.until - seen.since) / _UNTIL_UNIT_SECONDS), 0), (1 << _UNTIL_BITS) - 1)
    return (int(seen.since * 1000) << 1 | seen.has_passed) << _UNTIL_BITS | until
