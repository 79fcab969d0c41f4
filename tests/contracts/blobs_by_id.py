"""What blobs by id and their collection keep to. A subclass gives the fixtures `blobs` (through which large bodies arrive),
`blobs_by_id`, `garbage`, `mailboxes` (which refers to bodies too), `stored_octets`, and `generations_pass`: does what makes
everything that has no referrer now old enough, and runs whole collections until it is gone."""

from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import InvalidArgument, NotFound
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody, MessageContent
from compostela.core.blob.ports import BlobGarbage, BlobsById, BlobStore
from compostela.core.blob.references import CollectedPart, Reference, Referrer
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import BlobId
from tests.contracts.blobs import octets, spilled
from tests.contracts.mailbox_messages import StoredOctets
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, octets_of, uids

GenerationsPass = Callable[[], Awaitable[None]]
ALICE = Referrer("vault", "alice@example.org/1")
BOB = Referrer("vault", "bob@example.org/1")
LARGE = 3 * CHUNK_BYTES
SIZES = pytest.mark.parametrize("size", [1000, LARGE], ids=["small", "large"])


async def a_body(blobs: BlobStore, data: bytes) -> Body:
    return MemoryBody(data) if len(data) <= CHUNK_BYTES else await spilled(blobs, data)


async def collection(garbage: BlobGarbage, limit: int = 100) -> list[CollectedPart]:
    """A whole collection, part by part."""
    parts = [await garbage.collect(None, limit)]
    while parts[-1].position is not None:
        parts.append(await garbage.collect(parts[-1].position, limit))
    return parts


async def is_there(blobs_by_id: BlobsById, blob: BlobId) -> bool:
    try:
        await blobs_by_id.open(blob)
    except NotFound:
        return False
    return True


async def references(blobs_by_id: BlobsById, kind: str = "vault", limit: int = 100) -> list[Reference]:
    found: list[Reference] = []
    while page := await blobs_by_id.list(kind, after=found[-1] if found else None, limit=limit):
        assert len(page) <= limit
        found += page
    return found


class BlobsByIdContract:
    ports = (BlobsById,)

    @SIZES
    async def test_what_is_saved_is_opened(self, blobs: BlobStore, blobs_by_id: BlobsById, size: int) -> None:
        blob = await blobs_by_id.save(await a_body(blobs, octets(size)), ALICE)
        body = await blobs_by_id.open(blob)
        assert body.size == size
        assert await body.read() == octets(size)
        assert await body.read(10, 20) == octets(size)[10:30]

    async def test_an_unknown_blob_is_not_found(self, blobs_by_id: BlobsById) -> None:
        blob = await blobs_by_id.save(MemoryBody(b"some"), ALICE)
        for unknown in (
            BlobId(""),
            BlobId("1_00"),
            BlobId("x" * 2000),
            BlobId(blob[:-2]),
            BlobId(blob + "0"),
            BlobId("../1"),
        ):
            with pytest.raises(NotFound):
                await blobs_by_id.open(unknown)
            await blobs_by_id.delete(unknown, ALICE)

    @SIZES
    async def test_a_repeated_save_is_one_reference(
        self, blobs: BlobStore, blobs_by_id: BlobsById, stored_octets: StoredOctets, size: int
    ) -> None:
        before = await stored_octets()
        ids = {await blobs_by_id.save(await a_body(blobs, octets(size)), ALICE) for _ in range(3)}
        assert len(ids) == 1
        assert await stored_octets() - before < 1.1 * size + 100
        assert [(one.referrer, one.blob) for one in await references(blobs_by_id)] == [(ALICE, ids.pop())]

    async def test_an_opened_body_may_be_saved_for_another(
        self, blobs: BlobStore, blobs_by_id: BlobsById, generations_pass: GenerationsPass
    ) -> None:
        first = await blobs_by_id.save(await a_body(blobs, octets(LARGE)), ALICE)
        opened = await (await blobs_by_id.open(first)).opened()
        second = await blobs_by_id.save(opened, BOB)
        await blobs_by_id.delete(first, ALICE)
        del opened
        await generations_pass()
        assert await (await blobs_by_id.open(second)).read() == octets(LARGE)

    async def test_references_are_listed_in_pages_in_order(self, blobs_by_id: BlobsById) -> None:
        keys = ["a", "a b", "b/1", "b/2", "z" * 400, "é"]
        for key in reversed(keys):
            for text in (b"one", b"two"):
                await blobs_by_id.save(MemoryBody(text), Referrer("export", key))
        await blobs_by_id.save(MemoryBody(b"one"), ALICE)
        for limit in (1, 3, 100):
            found = await references(blobs_by_id, "export", limit)
            assert [one.referrer for one in found] == [Referrer("export", key) for key in keys for _ in range(2)]
            assert [one.blob for one in found] == sorted({one.blob for one in found}) * len(keys)
        assert await references(blobs_by_id, "nothing") == []

    async def test_a_deleted_reference_is_gone_and_the_others_stay(self, blobs_by_id: BlobsById) -> None:
        blob = await blobs_by_id.save(MemoryBody(b"shared"), ALICE)
        await blobs_by_id.save(MemoryBody(b"shared"), BOB)
        for _ in range(2):
            await blobs_by_id.delete(blob, ALICE)
        assert [one.referrer for one in await references(blobs_by_id)] == [BOB]

    def test_a_referrer_has_a_sound_name(self) -> None:
        for kind, key in (
            ("", "k"),
            ("Vault", "k"),
            ("v/", "k"),
            ("vault", ""),
            ("vault", "a\n"),
            ("vault", "é" * 201),
        ):
            with pytest.raises(InvalidArgument):
                Referrer(kind, key)


class BlobGarbageContract:
    ports = (BlobGarbage,)

    @SIZES
    async def test_a_blob_lives_while_a_referrer_does(
        self,
        blobs: BlobStore,
        blobs_by_id: BlobsById,
        generations_pass: GenerationsPass,
        stored_octets: StoredOctets,
        size: int,
    ) -> None:
        before = await stored_octets()
        blob = await blobs_by_id.save(await a_body(blobs, octets(size)), ALICE)
        await blobs_by_id.save(await a_body(blobs, octets(size)), BOB)
        await blobs_by_id.delete(blob, ALICE)
        await generations_pass()
        assert await (await blobs_by_id.open(blob)).read() == octets(size)
        await blobs_by_id.delete(blob, BOB)
        await generations_pass()
        assert not await is_there(blobs_by_id, blob)
        assert await stored_octets() == before

    async def test_a_blob_that_has_just_lost_its_referrer_can_be_read(
        self, blobs_by_id: BlobsById, garbage: BlobGarbage
    ) -> None:
        blob = await blobs_by_id.save(MemoryBody(b"read me"), ALICE)
        body = await blobs_by_id.open(blob)
        await blobs_by_id.delete(blob, ALICE)
        for _ in range(3):
            parts = await collection(garbage)
            assert sum(part.removed for part in parts) == 0
        assert await body.read() == b"read me"

    async def test_a_message_keeps_what_no_referrer_does_and_the_other_way_round(
        self, blobs: BlobStore, blobs_by_id: BlobsById, mailboxes: MailboxStore, generations_pass: GenerationsPass
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        content = MessageContent(HEADER, await spilled(blobs, octets(LARGE)))
        await mailboxes.append(mailbox, [NewMessage(content, b"", DATE)])
        del content
        blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
        await blobs_by_id.delete(blob, ALICE)
        await generations_pass()
        assert await octets_of(mailboxes, mailbox, 1) == HEADER + octets(LARGE)
        blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
        await mailboxes.remove(mailbox, uids(1))
        await generations_pass()
        assert await (await blobs_by_id.open(blob)).read() == octets(LARGE)

    async def test_what_is_saved_again_stays(
        self, blobs: BlobStore, blobs_by_id: BlobsById, garbage: BlobGarbage, generations_pass: GenerationsPass
    ) -> None:
        blob = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), ALICE)
        await blobs_by_id.delete(blob, ALICE)
        await collection(garbage)
        again = await blobs_by_id.save(await spilled(blobs, octets(LARGE)), BOB)
        await generations_pass()
        assert await (await blobs_by_id.open(again)).read() == octets(LARGE)

    async def test_a_collection_counts_what_it_sees(self, blobs_by_id: BlobsById, garbage: BlobGarbage) -> None:
        kept = [await blobs_by_id.save(MemoryBody(b"kept %d" % number), ALICE) for number in range(3)]
        blob = await blobs_by_id.save(MemoryBody(b"left"), ALICE)
        await blobs_by_id.delete(blob, ALICE)
        parts = await collection(garbage, limit=1)
        assert sum(part.looked for part in parts) == len(kept) + 1
        assert sum(part.referred for part in parts) == len(kept)
        assert sum(part.failed for part in parts) == 0

    async def test_every_part_may_be_repeated(
        self, blobs_by_id: BlobsById, garbage: BlobGarbage, generations_pass: GenerationsPass
    ) -> None:
        kept = await blobs_by_id.save(MemoryBody(b"kept"), ALICE)
        blobs = [await blobs_by_id.save(MemoryBody(b"left %d" % number), ALICE) for number in range(5)]
        for blob in blobs:
            await blobs_by_id.delete(blob, ALICE)
        position, steps = None, 0
        while True:
            first = await garbage.collect(position, 2)
            await garbage.collect(position, 2)
            position, steps = first.position, steps + 1
            if position is None:
                break
            assert steps < 1000, "the collection has no end"
        await generations_pass()
        assert [await is_there(blobs_by_id, blob) for blob in [*blobs, kept]] == [False] * 5 + [True]

    async def test_a_foreign_position_is_refused(self, garbage: BlobGarbage) -> None:
        for position in ("", "nonsense", "rows:1:2"):
            with pytest.raises(InvalidArgument):
                await garbage.collect(position, 10)
