"""What blobs by id keep to in a store that is far away. A subclass gives the fixtures of `tests.contracts.blobs_by_id`, with
`blobs_by_id_elsewhere`, `garbage_elsewhere` and `held_blobs_by_id` (whose writes `held_writer` holds), `time_of_a_save` (as `generations_pass`, as long as a save
may take, with a collection at its end: the embedded store allows any time, a network store a generation), and `eventually`, `faulty`
and `held_writer` of `tests.contracts.distance`."""

import asyncio

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import MemoryBody
from compostela.core.blob.ports import BlobGarbage, BlobsById, BlobStore
from tests.contracts.blobs import octets, spilled
from tests.contracts.blobs_by_id import (
    ALICE,
    BOB,
    LARGE,
    SIZES,
    GenerationsPass,
    a_body,
    collection,
    is_there,
    references,
)
from tests.contracts.distance import Eventually, Faulty, HeldWriter, cut_off
from tests.contracts.mailbox_messages import StoredOctets


class BlobsByIdDistanceContract:
    ports = (BlobsById, BlobGarbage)

    @SIZES
    async def test_another_node_opens_lists_and_deletes(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        blobs_by_id_elsewhere: BlobsById,
        eventually: Eventually,
        size: int,
    ) -> None:
        blob = await blobs_by_id.save(await a_body(blobs, octets(size)), ALICE)
        assert await (await blobs_by_id_elsewhere.open(blob)).read() == octets(size)

        async def is_listed() -> bool:
            return [one.referrer for one in await references(blobs_by_id_elsewhere)] == [ALICE]

        await eventually(is_listed)
        await blobs_by_id_elsewhere.delete(blob, ALICE)

        async def is_gone() -> bool:
            return await references(blobs_by_id) == []

        await eventually(is_gone)

    async def test_a_save_that_is_under_way_outlives_the_collection_of_the_same_octets(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        held_blobs_by_id: BlobsById,
        held_writer: HeldWriter,
        time_of_a_save: GenerationsPass,
    ) -> None:
        blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
        await blobs_by_id.delete(blob, ALICE)
        held_writer.hold()
        saving = asyncio.ensure_future(held_blobs_by_id.save(await spilled(blobs, octets(LARGE)), BOB))
        await held_writer.reached()
        await time_of_a_save()
        held_writer.release()
        assert await (await blobs_by_id.open(await saving)).read() == octets(LARGE)

    async def test_a_writer_that_dies_leaves_nothing(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        held_blobs_by_id: BlobsById,
        held_writer: HeldWriter,
        generations_pass: GenerationsPass,
        stored_octets: StoredOctets,
    ) -> None:
        before = await stored_octets()
        held_writer.hold()
        saving = asyncio.ensure_future(held_blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE))
        await held_writer.reached()
        held_writer.kill()
        with pytest.raises(TemporaryFailure):
            await saving
        del saving
        await generations_pass()
        assert await references(blobs_by_id) == []
        assert await stored_octets() == before

    @SIZES
    async def test_a_save_is_whole_after_an_unknown_outcome(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        blobs_by_id_elsewhere: BlobsById,
        faulty: Faulty,
        generations_pass: GenerationsPass,
        stored_octets: StoredOctets,
        size: int,
    ) -> None:
        before = await stored_octets()
        body = await a_body(blobs, octets(size))
        for fault in (faulty.refuses, faulty.drops_answers, faulty.drops_answers):
            with fault(), pytest.raises(TemporaryFailure):
                await blobs_by_id.save(body, ALICE)
        with faulty.delays():
            blob = await blobs_by_id.save(body, ALICE)
        del body
        assert await (await blobs_by_id_elsewhere.open(blob)).read() == octets(size)
        assert [one.blob for one in await references(blobs_by_id_elsewhere)] == [blob]
        for fault in (faulty.refuses, faulty.drops_answers):
            with fault(), pytest.raises(TemporaryFailure):
                await blobs_by_id.delete(blob, ALICE)
        await blobs_by_id.delete(blob, ALICE)
        await generations_pass()
        assert await stored_octets() == before

    async def test_a_save_that_is_cancelled_at_any_await_loses_nothing_and_leaves_nothing(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        generations_pass: GenerationsPass,
        eventually: Eventually,
        stored_octets: StoredOctets,
    ) -> None:
        before = await stored_octets()
        step, goes_on = 0, True
        while goes_on:
            goes_on = await cut_off(blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE), step)
            blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
            assert await (await blobs_by_id.open(blob)).read() == octets(LARGE)
            assert [one.blob for one in await references(blobs_by_id)] == [blob]
            await blobs_by_id.delete(blob, ALICE)
            await generations_pass()

            async def is_clean() -> bool:
                return await stored_octets() == before

            await eventually(is_clean)
            step += 1
        assert step > 1, "the call was never cancelled"

    async def test_a_collection_goes_on_on_another_node(
        self,
        blobs_by_id: BlobsById,
        garbage: BlobGarbage,
        garbage_elsewhere: BlobGarbage,
        generations_pass: GenerationsPass,
    ) -> None:
        left = [await blobs_by_id.save(MemoryBody(b"left %d" % number), ALICE) for number in range(5)]
        for blob in left:
            await blobs_by_id.delete(blob, ALICE)
        nodes, position, turn = (garbage, garbage_elsewhere), None, 0
        while (part := await nodes[turn % 2].collect(position, 1)).position is not None:
            position, turn = part.position, turn + 1
        await generations_pass()
        assert [await is_there(blobs_by_id, blob) for blob in left] == [False] * 5

    async def test_a_collection_may_be_cut_off_at_any_await(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        garbage: BlobGarbage,
        generations_pass: GenerationsPass,
        eventually: Eventually,
        stored_octets: StoredOctets,
    ) -> None:
        before = await stored_octets()
        kept = await blobs_by_id.save(MemoryBody(b"kept"), BOB)
        step, goes_on = 0, True
        while goes_on:
            blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
            await blobs_by_id.delete(blob, ALICE)
            goes_on = await cut_off(collection(garbage), step)
            step += 1
        assert step > 1, "the call was never cancelled"
        await generations_pass()
        assert await (await blobs_by_id.open(kept)).read() == b"kept"
        await blobs_by_id.delete(kept, BOB)
        await generations_pass()

        async def is_clean() -> bool:
            return await stored_octets() == before

        await eventually(is_clean)
