"""The collection of bodies in S3: what goes, and what never does."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.adapters.s3.blob_filter import BlobFilter
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.garbage import S3Garbage
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.errors import InvalidArgument, TemporaryFailure
from compostela.core.blob.model import MemoryBody
from compostela.model.numbers import BlobId
from compostela.testing.clock import FakeClock

FILTER_BITS = 1 << 16


class Rows:
    """Rows of a store, which refer to blobs."""

    def __init__(self) -> None:
        self.blobs: set[BlobId] = set()
        self.is_away = False

    async def all(self) -> AsyncIterator[Sequence[BlobId]]:
        if self.is_away:
            raise TemporaryFailure("the rows cannot be read")
        for blob in sorted(self.blobs):
            yield [blob]


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def blobs(blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "spill", clock)


@pytest.fixture
def garbage(blobs: S3Blobs, rows: Rows) -> S3Garbage:
    return S3Garbage(blobs, [rows.all], FILTER_BITS)


async def collected(garbage: S3Garbage, limit: int = 3) -> int:
    removed, position = 0, None
    while True:
        part = await garbage.collect(position, limit)
        assert part.looked <= limit
        removed, position = removed + part.removed, part.position
        if position is None:
            return removed


async def kept(blobs: S3Blobs, count: int, beginning: str = "body") -> list[BlobId]:
    return [await blobs.keep(MemoryBody(f"{beginning} {number}".encode())) for number in range(count)]


def next_generation(clock: FakeClock, settings: BlobSettings, count: int = 1) -> None:
    clock.advance(count * settings.generation_seconds)


async def test_old_objects_without_a_reference_go(
    blobs: S3Blobs, garbage: S3Garbage, rows: Rows, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    names = await kept(blobs, 10)
    rows.blobs = set(names[:4])
    assert await collected(garbage) == 0, "the present generation stays"
    next_generation(clock, blob_settings)
    assert await collected(garbage) == 0, "the one before stays"
    next_generation(clock, blob_settings)
    young = await kept(blobs, 2, "young")
    assert await collected(garbage) == 6
    assert await blobs.bucket.names("", 100) == sorted([*names[:4], *young])
    for number in range(4):
        assert await blobs.body(names[number], 6).read() == f"body {number}".encode()


async def test_what_is_referred_to_while_it_is_collected_stays(
    blobs: S3Blobs, garbage: S3Garbage, rows: Rows, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    (old,) = await kept(blobs, 1)
    next_generation(clock, blob_settings, 2)
    part = await garbage.collect(None, 100)
    renewed = await blobs.keep(blobs.body(old, 6))
    rows.blobs = {renewed}
    while part.position is not None:
        part = await garbage.collect(part.position, 100)
    assert renewed != old
    assert await blobs.body(renewed, 6).read() == b"body 0"


async def test_another_node_goes_on_and_two_collections_do_no_harm(
    blobs: S3Blobs, garbage: S3Garbage, rows: Rows, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    names = await kept(blobs, 12)
    rows.blobs = set(names[::2])
    next_generation(clock, blob_settings, 2)
    elsewhere = S3Garbage(blobs, [rows.all], FILTER_BITS)
    position = (await garbage.collect((await garbage.collect(None, 5)).position, 5)).position
    assert position is not None
    await elsewhere.collect(position, 5)
    await asyncio.gather(collected(garbage), collected(elsewhere))
    assert set(await blobs.bucket.names("", 100)) == rows.blobs
    with pytest.raises(InvalidArgument):
        await garbage.collect("nowhere", 5)


async def test_nothing_goes_when_references_cannot_be_read(
    blobs: S3Blobs, garbage: S3Garbage, rows: Rows, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    names = await kept(blobs, 3)
    next_generation(clock, blob_settings, 2)
    rows.is_away = True
    for position in (None, "another-run/"):
        with pytest.raises(TemporaryFailure):
            await garbage.collect(position, 100)
    assert set(await blobs.bucket.names("", 100)) == set(names)
    with pytest.raises(ValueError, match="every object"):
        S3Garbage(blobs, [])


async def test_objects_of_others_and_of_another_family_stay(
    blobs: S3Blobs, rows: Rows, clock: FakeClock, blob_settings: BlobSettings, tmp_path: Path
) -> None:
    (name,) = await kept(blobs, 1)
    await blobs.bucket.put("notes.txt", b"not ours", 8)
    next_generation(clock, blob_settings, 2)
    other = S3Blobs(replace(blob_settings, family=2), tmp_path / "other", clock)
    assert await collected(S3Garbage(other, [rows.all], FILTER_BITS)) == 0
    assert await blobs.bucket.names("", 100) == [name, "notes.txt"]


def test_the_filter_forgets_nothing_and_knows_little_that_was_not_added() -> None:
    names = [f"1_{number}_{'ab' * 32}" for number in range(2000)]
    known = BlobFilter(FILTER_BITS)
    for name in names[:1000]:
        known.add(name)
    assert all(name in known for name in names[:1000])
    assert sum(name in known for name in names[1000:]) < 50
