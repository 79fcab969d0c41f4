"""Recovery copies in S3: they come back as they were written, whatever the coding, and keep the objects that they name."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import obstore
import pytest

from compostela.adapters.s3.bodies import S3Blobs
from compostela.adapters.s3.garbage import S3Garbage
from compostela.adapters.s3.recovery_copies import FOLDER, S3RecoveryCopies
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.blob.model import MemoryBody
from compostela.core.recovery.ports import RecoveryCopy
from compostela.model.flags import NO_FLAGS
from compostela.testing.clock import FakeClock
from tests.contracts.recovery import Keep, RecoveryCopiesContract, a_copy, named
from tests.distributed.s3.codings import CODINGS

FILTER_BITS = 1 << 16


@pytest.fixture
def blobs(blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "spill", clock)


@pytest.fixture
def copies(blobs: S3Blobs) -> S3RecoveryCopies:
    return S3RecoveryCopies(blobs)


async def with_own_object(blobs: S3Blobs, number: int, body: bytes) -> RecoveryCopy:
    blob = await blobs.keep(MemoryBody(body))
    return a_copy(named(number, blob=blob), body)


async def put_raw(blobs: S3Blobs, name: str, data: bytes) -> None:
    await blobs.bucket.put(name, data, len(data))


@pytest.mark.parametrize("coding", CODINGS)
class TestRecoveryCopiesInS3(RecoveryCopiesContract):
    @pytest.fixture
    def blobs(self, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, coding: str) -> S3Blobs:
        return S3Blobs(CODINGS[coding](blob_settings), tmp_path / "spill", clock)

    @pytest.fixture
    def copies_elsewhere(
        self, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, coding: str
    ) -> S3RecoveryCopies:
        return S3RecoveryCopies(S3Blobs(CODINGS[coding](blob_settings), tmp_path / "elsewhere", clock))

    @pytest.fixture
    def keep(self, blobs: S3Blobs) -> Keep:
        return blobs.keep


async def test_octets_of_an_encrypted_copy_are_not_readable(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    blobs = S3Blobs(CODINGS["encrypted"](blob_settings), tmp_path / "spill", clock)
    await S3RecoveryCopies(blobs).write(a_copy(named(1)))
    name = f"{FOLDER}/{named(1).message}"
    size = await blobs.bucket.size(name)
    assert size is not None
    stored = await blobs.bucket.get(name, 0, size)
    assert b"Subject" not in stored
    assert b"ann@example.org" not in stored
    # one copy does not pass for another
    await put_raw(blobs, f"{FOLDER}/{named(2).message}", stored)
    with pytest.raises(TemporaryFailure):
        await S3RecoveryCopies(blobs).read(named(2))


async def test_other_objects_end_no_listing(blobs: S3Blobs, copies: S3RecoveryCopies) -> None:
    for number in range(5):
        await put_raw(blobs, f"{FOLDER}/1-other-{number}", b"not ours")
    last = named(1, "2")
    await copies.write(a_copy(last))
    assert [one.name for one in await copies.list("", None, 2)] == [last]


@pytest.mark.parametrize("spoil", [lambda data: data[:-3], lambda _: b"\xc1", lambda _: b"\x94\x63\xa0\x00\xc4\x00"])
async def test_a_damaged_copy_is_a_temporary_failure(
    blobs: S3Blobs, copies: S3RecoveryCopies, spoil: Callable[[bytes], bytes]
) -> None:
    await copies.write(a_copy(named(1)))
    name = f"{FOLDER}/{named(1).message}"
    size = await blobs.bucket.size(name)
    assert size is not None
    await put_raw(blobs, name, spoil(await blobs.bucket.get(name, 0, size)))
    with pytest.raises(TemporaryFailure):
        await copies.read(named(1))


async def test_a_copy_of_an_older_release_has_no_mailbox(blobs: S3Blobs, copies: S3RecoveryCopies) -> None:
    record = msgspec.msgpack.encode(("ann@example.org", 1_700_000_000, b"Subject: x\r\n\r\n", 3, b"old"))
    name = f"{FOLDER}/{named(1).message}"
    coding, coded = blobs.coding.encode(record, name)
    await put_raw(blobs, name, msgspec.msgpack.encode((1, coding, len(record), coded)))
    read = await copies.read(named(1))
    assert (read.user, await read.body.read(), read.flags, read.path) == ("ann@example.org", b"old", NO_FLAGS, None)


async def test_the_collection_leaves_objects_that_copies_name(
    blobs: S3Blobs, copies: S3RecoveryCopies, clock: FakeClock, blob_settings: BlobSettings
) -> None:
    kept, lost = await with_own_object(blobs, 1, b"kept" * 3000), await with_own_object(blobs, 2, b"lost" * 3000)
    await copies.write(kept)
    await copies.write(lost)
    await copies.remove(lost.name)
    clock.advance(3 * blob_settings.generation_seconds)
    garbage, position = S3Garbage(blobs, [copies.referred], FILTER_BITS), None
    while (position := (await garbage.collect(position, 100)).position) is not None:
        pass
    assert await (await copies.read(kept.name)).body.read() == b"kept" * 3000
    assert lost.name.blob is not None
    with pytest.raises(NotFound):
        await blobs.find(lost.name.blob, lost.body.size)
    with pytest.raises(FileNotFoundError):
        await obstore.head_async(blobs.bucket._store, lost.name.blob)
