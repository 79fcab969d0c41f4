"""Removes objects that no row refers to.

A collection first reads all references, then lists the objects. Those of the present generation and of the one before are passed over: what is
kept again is copied to the present one (see `S3Blobs`), so no row that is written from now on refers to an older object, and none that was being
written when the reading began. The references are a Bloom filter in the memory of the process; another process that goes on with the
collection reads them again. A reference that is wrongly taken for one keeps an object for longer, never the other way round.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from compostela.adapters.s3.blob_filter import BITS, BlobFilter
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.names import ObjectName
from compostela.base.concurrency import side_by_side
from compostela.base.errors import InvalidArgument, NotFound, TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.references import CollectedPart
from compostela.model.numbers import BlobId

References = Callable[[], AsyncIterator[Sequence[BlobId]]]
"""Reads what one kind of row refers to."""
MAX_PART = 1000
"""Objects that one step lists."""
REMOVALS_AT_ONCE = 16
_KEPT_GENERATIONS = 2


class S3Garbage:
    """In steps, each of which may be repeated. Two collections at once do no harm."""

    def __init__(self, blobs: S3Blobs, references: Sequence[References], filter_bits: int = BITS) -> None:
        """`references`: of every kind of row that refers to objects. What is left out here is lost."""
        if not references:
            raise ValueError("without references every object would be garbage")
        self._blobs = blobs
        self._references = references
        self._filter_bits = filter_bits
        self._run = ""
        self._referred = BlobFilter(8)
        self._before = 0

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        """The next part of a collection, None for the first. Raises `TemporaryFailure`, then nothing is removed or some of the part,
        and `InvalidArgument` for a position that is not one of this collection."""
        if position is None:
            await self._read_references()
            return CollectedPart(f"{self._run}/")
        run, slash, after = position.partition("/")
        if not slash:
            raise InvalidArgument("the position is not one of a collection")
        if run != self._run:
            await self._read_references()
        return await self._sweep(after, min(limit, MAX_PART))

    async def _read_references(self) -> None:
        # the order matters: what is written after this is of a generation that stays
        before = self._blobs.generation() - _KEPT_GENERATIONS + 1
        referred = BlobFilter(self._filter_bits)
        for references in self._references:
            async for blobs in references():
                for blob in blobs:
                    referred.add(blob)
        self._run, self._referred, self._before = new_id(), referred, before

    async def _sweep(self, after: str, limit: int) -> CollectedPart:
        names = await self._blobs.bucket.names(after, limit)
        old = [name for name in names if self._is_old(name)]
        garbage = [name for name in old if name not in self._referred]
        removed = sum(await side_by_side(garbage, self._remove, REMOVALS_AT_ONCE))
        return CollectedPart(
            f"{self._run}/{names[-1]}" if len(names) == limit else None,
            looked=len(names),
            referred=sum(name in self._referred for name in names),
            removed=removed,
            failed=len(garbage) - removed,
        )

    def _is_old(self, name: str) -> bool:
        """Objects of another family have another length of generations: they stay, as does what is not ours."""
        try:
            found = ObjectName.parse(BlobId(name))
        except NotFound:
            return False
        return found.family == self._blobs.family and found.generation < self._before

    async def _remove(self, name: str) -> bool:
        try:
            await self._blobs.bucket.delete(name)
        except TemporaryFailure:
            return False
        return True
