"""Blobs by id: the references of other parts to objects.

The object is put first, then its reference is written. An id is the size of the octets and the name of the object. A reference to an object of an
earlier generation leaves a note when it is removed, which keeps the object for the generation and the next one.
"""

import re
import zlib
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from compostela.adapters.cassandra.conditional import MAX_TTL
from compostela.adapters.cassandra.mailbox_log import to_the_end
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import Body
from compostela.core.blob.references import Reference, Referrer
from compostela.model.numbers import BlobId

BUCKETS = 16
"""Part of the table's layout: it cannot be changed once there are references."""
SPARE_REFERENCES = 8
"""Read of each bucket beyond its share of a page, since shares differ."""
KEPT_GENERATIONS = 2
_ID = re.compile(r"(0|[1-9][0-9]{0,17})\.(.{1,255})\Z")
_ADD = "INSERT INTO blob_reference (kind, bucket, key, blob, saved_at) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
_REMOVE = "DELETE FROM blob_reference WHERE kind = ? AND bucket = ? AND key = ? AND blob = ? IF EXISTS"
_LIST = """SELECT key, blob, saved_at FROM blob_reference
    WHERE kind = ? AND bucket = ? AND (key, blob) > (?, ?) LIMIT ?"""
_REFERRED = "SELECT blob FROM blob_reference"
# the version is the generation: that of the last release wins
_RELEASE = "INSERT INTO blob_released (object, generation) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?"
_RELEASED = "SELECT object, generation FROM blob_released"


class Objects(BodyStore, Protocol):
    """Bodies as objects that have generations."""

    @property
    def generation_seconds(self) -> float: ...

    def generation(self) -> int:
        """The present one."""
        ...

    def is_of_present(self, blob: BlobId) -> bool:
        """Whether an object is of the present generation, or of a later one by the clock of another node."""
        ...

    async def find(self, blob: BlobId, size: int) -> Body:
        """The body of so many octets in an object. Raises `NotFound`."""
        ...


class CassandraBlobsById:
    """See `compostela.core.blob.ports`. With `referred` the collection reads what is referred to."""

    def __init__(self, session: CassandraSession, objects: Objects, clock: Clock) -> None:
        self._session = session
        self._objects = objects
        self._clock = clock

    async def save(self, body: Body, referrer: Referrer) -> BlobId:
        blob = BlobId(f"{body.size}.{await self._objects.keep(body)}")
        # to the end: a reference that came after its caller had given up could come after its removal
        await to_the_end(self._session.write_if(_ADD, *_key(referrer, blob), self._clock.now()))
        return blob

    async def open(self, blob: BlobId) -> Body:
        size, name = _parsed(blob)
        return await self._objects.find(name, size)

    async def delete(self, blob: BlobId, referrer: Referrer) -> None:
        try:
            _, name = _parsed(blob)
            is_young = self._objects.is_of_present(name)
        except NotFound:
            return
        if not is_young:
            # one of the present generation stays long enough by itself
            generation = self._objects.generation()
            ttl = int(min((KEPT_GENERATIONS + 1) * self._objects.generation_seconds, MAX_TTL))
            await self._session.write(_RELEASE, name, generation, generation, ttl)
        await self._session.write_if(_REMOVE, *_key(referrer, blob))

    async def list(self, kind: str, *, after: Reference | None, limit: int) -> Sequence[Reference]:
        """The buckets merged, as far as every bucket was read."""
        key, blob = ("", "") if after is None else (after.referrer.key, after.blob)
        share = min(limit, limit // BUCKETS + SPARE_REFERENCES)

        async def read(bucket: int) -> list[tuple[str, str, float]]:
            rows = await self._session.rows(_LIST, kind, bucket, key, blob, share)
            return [(row[0], row[1], row[2]) for row in rows]

        buckets = await side_by_side(range(BUCKETS), read)
        known_to = min((rows[-1] for rows in buckets if len(rows) == share), default=None)
        found = sorted(row for rows in buckets for row in rows if known_to is None or row <= known_to)
        return [Reference(Referrer(kind, row[0]), BlobId(row[1]), row[2]) for row in found[:limit]]

    async def referred(self) -> AsyncIterator[Sequence[BlobId]]:
        """The names of objects. Raises `TemporaryFailure`."""
        # references first: one that is removed meanwhile has left its note before
        async for page in self._session.pages(_REFERRED):
            yield [_parsed(row[0])[1] for row in page]
        over = self._objects.generation() - KEPT_GENERATIONS
        async for page in self._session.pages(_RELEASED):
            yield [BlobId(row[0]) for row in page if row[1] > over]


def _parsed(blob: str) -> tuple[int, BlobId]:
    """The size of a blob and the name of its object. Raises `NotFound` for what is no id of ours."""
    found = _ID.match(blob)
    if found is None:
        raise NotFound(f"there is no blob {blob[:255]!r}")
    return int(found[1]), BlobId(found[2])


def _key(referrer: Referrer, blob: BlobId) -> tuple[str, int, str, BlobId]:
    return referrer.kind, zlib.crc32(referrer.key.encode()) % BUCKETS, referrer.key, blob
