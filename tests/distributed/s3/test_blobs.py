"""Bodies in S3 keep to the contracts, plain, compressed and encrypted, and failures of the store are temporary ones."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.adapters.s3.bodies import S3Blobs, S3Body
from compostela.adapters.s3.bucket import PART_BYTES, PIECE_BYTES
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.errors import NotFound, StorageFull, TemporaryFailure
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody
from compostela.model.numbers import BlobId
from compostela.testing.clock import FakeClock
from compostela.testing.ports import free_port
from tests.contracts.blobs import BodyContract, BodyStoreContract, MakeBody, SpillContract, octets, spilled
from tests.contracts.distance import cut_off
from tests.contracts.mailbox_messages import StoredOctets
from tests.distributed.s3.codings import CODINGS, SECRET
from tests.distributed.s3.seaweed import make_bucket, octets_in, remove_bucket

SECONDS = 60.0
TEXT = b"It compresses well. " * 20_000


@pytest.fixture
def blobs(blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> S3Blobs:
    return S3Blobs(blob_settings, tmp_path / "spill", clock)


@pytest.fixture
def stored_octets(blob_settings: BlobSettings) -> StoredOctets:
    async def stored() -> int:
        return await asyncio.to_thread(octets_in, blob_settings.bucket)

    return stored


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("way", ["spilled", "kept"])
class TestBodiesInS3(BodyContract):
    @pytest.fixture
    def make_body(
        self, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, coding: str, way: str
    ) -> MakeBody:
        blobs = S3Blobs(CODINGS[coding](blob_settings), tmp_path / "spill", clock)

        async def make(data: bytes) -> Body:
            body: Body = await spilled(blobs, data) if way == "spilled" else MemoryBody(data)
            return blobs.body(await blobs.keep(body), len(data))

        return make


class TestS3Spills(SpillContract):
    """What refers to bodies is in Cassandra: `BlobStoreContract` is run with the mailboxes there."""


class TestBodiesKeptInS3(BodyStoreContract):
    @pytest.fixture
    def bodies(self, blobs: S3Blobs) -> BodyStore:
        return blobs

    @pytest.fixture
    def bodies_elsewhere(self, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock) -> BodyStore:
        return S3Blobs(blob_settings, tmp_path / "elsewhere", clock)


async def kept(blobs: S3Blobs, data: bytes) -> S3Body:
    return blobs.body(await blobs.keep(MemoryBody(data)), len(data))


async def test_equal_bodies_are_one_object_in_a_generation(
    blobs: S3Blobs, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, stored_octets: StoredOctets
) -> None:
    elsewhere = S3Blobs(blob_settings, tmp_path / "elsewhere", clock)
    data = octets(3 * CHUNK_BYTES)
    ids = {await blobs.keep(await spilled(blobs, data)), await elsewhere.keep(await spilled(elsewhere, data))}
    ids.add(await elsewhere.keep(MemoryBody(data)))
    assert (len(ids), await stored_octets()) == (1, len(data))


async def test_a_body_that_is_kept_in_a_later_generation_is_put_there(
    blobs: S3Blobs, blob_settings: BlobSettings, clock: FakeClock, stored_octets: StoredOctets
) -> None:
    data = octets(5000)
    body = await kept(blobs, data)
    clock.advance(blob_settings.generation_seconds)
    old, new = await blobs.keep(blobs.body((await _id(blobs, data)), 5000)), await blobs.keep(body)
    assert old == new
    assert await stored_octets() == 2 * len(data)
    assert await blobs.body(new, 5000).read() == data


@pytest.mark.parametrize("coding", ["plain", "both"])
async def test_after_a_move_to_another_bucket_the_old_one_is_read(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, coding: str
) -> None:
    settings, moved = CODINGS[coding](blob_settings), f"{blob_settings.bucket}-moved"
    data, empty = octets(5000), replace(settings, namespace=moved)
    old = await kept(S3Blobs(settings, tmp_path / "one", clock), data)
    await asyncio.to_thread(make_bucket, moved)
    try:
        with pytest.raises(TemporaryFailure):
            await S3Blobs(empty, tmp_path / "two", clock).body(BlobId(old.name.blob), 5000).read()
        blobs = S3Blobs(replace(empty, fallback_bucket=blob_settings.bucket), tmp_path / "three", clock)
        body = blobs.body(BlobId(old.name.blob), 5000)
        assert await (await body.opened()).read() == data
        clock.advance(settings.generation_seconds)
        later = await blobs.keep(body)
        assert await S3Blobs(empty, tmp_path / "four", clock).body(later, 5000).read() == data
        same = await blobs.keep(await spilled(blobs, data))
        assert await S3Blobs(empty, tmp_path / "five", clock).body(same, 5000).read() == data
    finally:
        await asyncio.to_thread(remove_bucket, moved)


async def _id(blobs: S3Blobs, data: bytes) -> BlobId:
    return await blobs.keep(MemoryBody(data))


async def test_without_deduplication_each_body_has_an_object(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, stored_octets: StoredOctets
) -> None:
    blobs = S3Blobs(replace(blob_settings, is_deduplicating=False), tmp_path / "spill", clock)
    assert len({await _id(blobs, b"same" * 100) for _ in range(3)}) == 3
    assert await stored_octets() == 1200


async def test_a_large_body_goes_in_parts_and_comes_in_pieces(blobs: S3Blobs) -> None:
    data = octets(PART_BYTES + PIECE_BYTES + 17)
    body = await spilled(blobs, data, step=1_000_000)
    assert await body.read() == data
    assert await body.read(PIECE_BYTES - 5, 10) == data[PIECE_BYTES - 5 :][:10]


async def test_compressed_bodies_take_less_room_and_encrypted_ones_show_nothing(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, stored_octets: StoredOctets
) -> None:
    blobs = S3Blobs(CODINGS["both"](blob_settings), tmp_path / "spill", clock)
    body = blobs.body(await _id(blobs, TEXT), len(TEXT))
    stored = await stored_octets()
    assert stored < len(TEXT) / 20
    assert b"compresses" not in await blobs.bucket.get(body.name.blob, 0, stored)
    assert await body.read() == TEXT


async def test_settings_may_change_while_old_objects_stay(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    coded = S3Blobs(replace(CODINGS["both"](blob_settings), is_compressing=True), tmp_path / "one", clock)
    plain = S3Blobs(replace(blob_settings, encryption=SECRET), tmp_path / "two", clock)
    assert await plain.body(await _id(coded, TEXT), len(TEXT)).read() == TEXT


async def test_another_password_is_told_and_gives_nothing(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    right = S3Blobs(replace(blob_settings, encryption=SECRET), tmp_path / "one", clock)
    blob = await _id(right, TEXT)
    for encryption in (replace(SECRET, password="another"), replace(SECRET, salt=b"another"), None):
        wrong = S3Blobs(replace(blob_settings, encryption=encryption), tmp_path / "two", clock)
        with pytest.raises(TemporaryFailure, match="password"):
            await wrong.body(blob, len(TEXT)).read()


async def test_a_spill_that_is_cancelled_at_any_await_leaves_no_file(blobs: S3Blobs, tmp_path: Path) -> None:
    data, step, goes_on = octets(2 * CHUNK_BYTES), 0, True
    while goes_on:
        spill = blobs.spill()
        spill.write(data)
        goes_on = await cut_off(spill.finish(), step)
        assert list((tmp_path / "spill").iterdir()) == []
        assert await (await spilled(blobs, data)).read() == data
        step += 1
    assert step > 1, "the call was never cancelled"


async def test_what_a_dead_process_left_on_its_way_is_removed(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    (tmp_path / "spill").mkdir()
    (tmp_path / "spill" / "spill-left").write_bytes(b"x")
    blobs = S3Blobs(blob_settings, tmp_path / "spill", clock)
    assert list((tmp_path / "spill").iterdir()) == []
    spill = blobs.spill()
    del spill
    assert list((tmp_path / "spill").iterdir()) == []


async def test_below_the_reserve_there_is_no_room(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    full = S3Blobs(blob_settings, tmp_path / "spill", clock, reserve_bytes=2**60)
    with pytest.raises(StorageFull):
        full.check_room(1)
    with pytest.raises(StorageFull):
        full.spill()


async def test_an_object_that_is_gone_is_a_temporary_failure(blobs: S3Blobs) -> None:
    body = await spilled(blobs, octets(5000))
    await blobs.bucket.delete(await _id(blobs, octets(5000)))
    for call in (body.read(), body.opened(), body.apply(len), anext(aiter(body.chunks()))):
        with pytest.raises(TemporaryFailure):
            await call


@pytest.mark.parametrize("id_of_others", ["", "x", "../1_1_00", "1_1_" + "f" * 63, "1_1_" + "f" * 64 + "-q"])
def test_what_is_no_id_is_not_found(blobs: S3Blobs, id_of_others: str) -> None:
    with pytest.raises(NotFound):
        blobs.body(BlobId(id_of_others), 1)


@pytest.mark.parametrize("wrong", ["bucket", "secret", "away"])
async def test_a_store_that_refuses_or_is_away_is_a_temporary_failure(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock, wrong: str
) -> None:
    changed = {
        "bucket": replace(blob_settings, namespace="no-such-bucket-here"),
        "secret": replace(blob_settings, secret_key="wrong-secret"),
        "away": replace(blob_settings, endpoint=f"http://127.0.0.1:{free_port()}"),
    }[wrong]
    blobs = S3Blobs(changed, tmp_path / "spill", clock)
    name = "1_1_" + "f" * 64
    calls: list[Awaitable[object]] = [
        spilled(blobs, b"x"), blobs.keep(MemoryBody(b"x")), blobs.body(BlobId(name), 1).read(), blobs.bucket.check()
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(TemporaryFailure) as raised:
            await call
        assert blob_settings.secret_key not in str(raised.value)
    assert list((tmp_path / "spill").iterdir()) == []


async def test_a_store_that_gives_no_answer_is_given_up_in_time(
    blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        slow = replace(blob_settings, endpoint=f"http://127.0.0.1:{port}", read_seconds=0.2, write_seconds=0.2)
        blobs = S3Blobs(slow, tmp_path / "spill", clock)
        async with asyncio.timeout(SECONDS):
            for call in (blobs.keep(MemoryBody(b"x")), blobs.bucket.check()):
                with pytest.raises(TemporaryFailure):
                    await call
    # the driver may keep its connections
    for writer in writers:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)
