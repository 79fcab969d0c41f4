"""Blobs by id in S3, with their references in Cassandra, keep to the contracts, and so does their collection."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.cassandra.blob_references import BlobReferences
from compostela.adapters.cassandra.blobs_by_id import BUCKETS, SPARE_REFERENCES, CassandraBlobsById
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.garbage import S3Garbage
from compostela.adapters.s3.settings import BlobSettings
from compostela.core.blob.model import MemoryBody
from compostela.core.blob.ports import BlobGarbage, BlobsById
from compostela.core.blob.references import Referrer
from compostela.model.numbers import BlobId
from compostela.testing.clock import FakeClock
from tests.contracts.blobs_by_id import (
    ALICE,
    BlobGarbageContract,
    BlobsByIdContract,
    GenerationsPass,
    collection,
    is_there,
    references,
)
from tests.contracts.blobs_by_id_distance import BlobsByIdDistanceContract
from tests.contracts.mailbox_messages import StoredOctets
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Gate, HeldSession, Mode, a_store, collect_all, held_writer
from tests.distributed.s3.seaweed import octets_in

__all__ = ["held_writer"]

FILTER_BITS = 1 << 16


@pytest.fixture
def blobs(blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "spill", clock, reserve_bytes=0)


@pytest.fixture
def blobs_elsewhere(blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "elsewhere", clock, reserve_bytes=0)


@pytest.fixture
async def mailboxes(session: FaultySession, blobs: S3Blobs) -> AsyncIterator[CassandraMailboxes]:
    store = a_store(session, blobs, Mode())
    yield store
    await store.close()


@pytest.fixture
def blobs_by_id(session: FaultySession, blobs: S3Blobs, clock: FakeClock) -> BlobsById:
    return CassandraBlobsById(session, blobs, clock)


@pytest.fixture
def blobs_by_id_elsewhere(session_elsewhere: CassandraSession, blobs_elsewhere: S3Blobs, clock: FakeClock) -> BlobsById:
    return CassandraBlobsById(session_elsewhere, blobs_elsewhere, clock)


@pytest.fixture
async def held_blobs_by_id(
    session: FaultySession, blobs_elsewhere: S3Blobs, clock: FakeClock, held_writer: Gate
) -> AsyncIterator[BlobsById]:
    own = await HeldSession.open(session.settings)
    own.gate = held_writer
    yield CassandraBlobsById(own, blobs_elsewhere, clock)
    await own.close()


def garbage_of(session: CassandraSession, blobs: S3Blobs, clock: FakeClock) -> S3Garbage:
    by_id = CassandraBlobsById(session, blobs, clock)
    return S3Garbage(blobs, [BlobReferences(session).all, by_id.referred], FILTER_BITS)


@pytest.fixture
def garbage(session: FaultySession, blobs: S3Blobs, clock: FakeClock) -> BlobGarbage:
    return garbage_of(session, blobs, clock)


@pytest.fixture
def garbage_elsewhere(session_elsewhere: CassandraSession, blobs_elsewhere: S3Blobs, clock: FakeClock) -> BlobGarbage:
    return garbage_of(session_elsewhere, blobs_elsewhere, clock)


@pytest.fixture
def stored_octets(blob_settings: BlobSettings) -> StoredOctets:
    async def stored() -> int:
        return await asyncio.to_thread(octets_in, blob_settings.bucket)

    return stored


@pytest.fixture
def generations_pass(
    garbage: BlobGarbage, mailboxes: CassandraMailboxes, clock: FakeClock, blob_settings: BlobSettings
) -> GenerationsPass:
    async def pass_generations() -> None:
        await collect_all(mailboxes)
        clock.advance(2 * blob_settings.generation_seconds)
        await collection(garbage)

    return pass_generations


@pytest.fixture
def time_of_a_save(garbage: BlobGarbage, clock: FakeClock, blob_settings: BlobSettings) -> GenerationsPass:
    async def pass_one() -> None:
        clock.advance(blob_settings.generation_seconds)
        await collection(garbage)

    return pass_one


class TestCassandraBlobsById(BlobsByIdContract):
    pass


class TestS3Garbage(BlobGarbageContract):
    pass


class TestCassandraBlobsByIdDistance(BlobsByIdDistanceContract):
    pass


async def test_an_old_blob_that_lost_its_referrer_can_be_read_for_a_generation(
    blobs_by_id: BlobsById, garbage: BlobGarbage, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    blob = await blobs_by_id.save(MemoryBody(b"old"), ALICE)
    clock.advance(5 * blob_settings.generation_seconds)
    await blobs_by_id.delete(blob, ALICE)
    clock.advance(blob_settings.generation_seconds)
    await collection(garbage)
    assert await (await blobs_by_id.open(blob)).read() == b"old"
    clock.advance(blob_settings.generation_seconds)
    await collection(garbage)
    assert not await is_there(blobs_by_id, blob)


async def test_a_referrer_with_many_blobs_is_listed_whole(blobs_by_id: BlobsById) -> None:
    count = BUCKETS + 3 * SPARE_REFERENCES
    saved: set[BlobId] = set()
    for number in range(count):
        saved.add(await blobs_by_id.save(MemoryBody(b"%d" % number), ALICE))
    await blobs_by_id.save(MemoryBody(b"other"), Referrer(ALICE.kind, "z"))
    found = await references(blobs_by_id)
    assert [one.blob for one in found[:count]] == sorted(saved)
    assert len(found) == count + 1
