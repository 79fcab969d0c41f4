"""What bodies and blob stores keep to. Subclasses of `BodyContract` give the fixture `make_body`; those of `SpillContract` the fixtures
`blobs` and `stored_octets`; those of `BodyStoreContract` `bodies` and `bodies_elsewhere`; those of `BlobStoreContract` also `mailboxes` (which refers to blobs)."""

import hashlib
import random
from collections.abc import Awaitable, Callable

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody, MessageContent, Octets
from compostela.core.blob.ports import BlobStore, Spill
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import BlobId
from tests.contracts.mailbox_messages import StoredOctets
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, octets_of

MakeBody = Callable[[bytes], Awaitable[Body]]
SIZES = (0, 1, 1000, CHUNK_BYTES, 2 * CHUNK_BYTES + 17)


def octets(size: int) -> bytes:
    return random.Random(size).randbytes(size)


async def spilled(blobs: BlobStore, data: bytes, step: int = 50_000) -> Body:
    spill = blobs.spill()
    for start in range(0, len(data), step):
        spill.write(memoryview(data)[start : start + step])
    return await spill.finish()


class BodyContract:
    ports = (Body,)

    @pytest.mark.parametrize("size", SIZES)
    async def test_gives_its_octets_back(self, make_body: MakeBody, size: int) -> None:
        data = octets(size)
        body = await make_body(data)
        assert (body.size, body.digest) == (size, hashlib.sha256(data).digest())
        assert await body.read() == data
        chunks = [chunk async for chunk in body.chunks()]
        assert b"".join(chunks) == data
        assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)

    @pytest.mark.parametrize("size", SIZES)
    async def test_an_open_body_is_the_same_body(self, make_body: MakeBody, size: int) -> None:
        data = octets(size)
        body = await (await make_body(data)).opened()
        assert (body.size, body.digest) == (size, hashlib.sha256(data).digest())
        assert await body.read() == data
        assert b"".join([chunk async for chunk in (await body.opened()).chunks()]) == data

    @pytest.mark.parametrize("size", SIZES)
    async def test_a_body_that_is_not_far_is_opened_without_a_wait(self, make_body: MakeBody, size: int) -> None:
        body = await make_body(octets(size))
        if not body.is_far:
            with pytest.raises(StopIteration):
                body.opened().__await__().__next__()
        assert not MemoryBody(b"").is_far

    @pytest.mark.parametrize("size", SIZES)
    async def test_a_range_past_the_end_is_cut(self, make_body: MakeBody, size: int) -> None:
        data = octets(size)
        body = await make_body(data)
        for offset in (0, 1, size // 2, max(size - 1, 0), size, size + 1, size + 10**6):
            for length in (None, 0, 1, 300, size, size + 10**6):
                expected = data[offset:] if length is None else data[offset : offset + length]
                assert await body.read(offset, length) == expected, (offset, length)
                assert b"".join([chunk async for chunk in body.chunks(offset, length)]) == expected, (offset, length)

    @pytest.mark.parametrize("size", SIZES)
    async def test_a_function_sees_the_whole_at_once(self, make_body: MakeBody, size: int) -> None:
        def look(buffer: Octets) -> tuple[int, bytes]:
            return len(buffer), bytes(buffer[-5:])

        assert await (await make_body(octets(size))).apply(look) == (size, octets(size)[-5:])

    async def test_what_a_function_raises_comes_out(self, make_body: MakeBody) -> None:
        body = await make_body(octets(1000))
        with pytest.raises(ZeroDivisionError):
            await body.apply(lambda buffer: len(buffer) // 0)
        assert await body.read() == octets(1000)


class SpillContract:
    ports = (BlobStore, Spill)

    async def test_a_spill_becomes_a_body(self, blobs: BlobStore) -> None:
        spill = blobs.spill()
        assert spill.size == 0
        for part in (b"one ", b"", memoryview(b"two")):
            spill.write(part)
        assert spill.size == 7
        body = await spill.finish()
        assert (body.size, await body.read()) == (7, b"one two")
        assert body.digest == hashlib.sha256(b"one two").digest()

    async def test_an_empty_spill_is_an_empty_body(self, blobs: BlobStore) -> None:
        body = await blobs.spill().finish()
        assert (body.size, await body.read()) == (0, b"")

    async def test_what_is_discarded_leaves_nothing(self, blobs: BlobStore, stored_octets: StoredOctets) -> None:
        before = await stored_octets()
        spill = blobs.spill()
        spill.write(octets(300_000))
        spill.discard()
        assert await stored_octets() == before

    async def test_spills_are_apart(self, blobs: BlobStore) -> None:
        spills = [blobs.spill() for _ in range(5)]
        for turn in range(3):
            for number, spill in enumerate(spills):
                spill.write(b"%d%d" % (number, turn))
        bodies = [await spill.finish() for spill in spills]
        assert [await body.read() for body in bodies] == [b"%d0%d1%d2" % (n, n, n) for n in range(5)]

    async def test_there_is_room(self, blobs: BlobStore) -> None:
        blobs.check_room(1)


class BlobStoreContract(SpillContract):
    ports = (BlobStore, Spill)

    async def test_what_refers_to_a_body_keeps_it(self, blobs: BlobStore, mailboxes: MailboxStore) -> None:
        data = octets(3 * CHUNK_BYTES)
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [NewMessage(MessageContent(HEADER, await spilled(blobs, data)), b"", DATE)])
        assert await octets_of(mailboxes, mailbox, 1) == HEADER + data

    async def test_equal_bodies_are_stored_once(
        self, blobs: BlobStore, mailboxes: MailboxStore, stored_octets: StoredOctets
    ) -> None:
        data = octets(400_000)
        mailbox = await a_mailbox(mailboxes)
        before = await stored_octets()
        for _ in range(4):
            content = MessageContent(HEADER, await spilled(blobs, data))
            await mailboxes.append(mailbox, [NewMessage(content, b"", DATE)])
            del content
        assert len(data) <= await stored_octets() - before < 1.1 * len(data)
        for uid in range(1, 5):
            assert await octets_of(mailboxes, mailbox, uid) == HEADER + data


class BodyStoreContract:
    ports = (BodyStore,)

    @pytest.mark.parametrize("size", SIZES)
    async def test_what_is_kept_is_read_on_another_node(
        self, bodies: BodyStore, bodies_elsewhere: BodyStore, size: int
    ) -> None:
        blob = await bodies.keep(MemoryBody(octets(size)))
        body = bodies_elsewhere.body(blob, size)
        assert (body.size, body.digest) == (size, hashlib.sha256(octets(size)).digest())
        assert await body.read() == octets(size)

    async def test_a_stored_body_may_be_kept_again(self, bodies: BodyStore, bodies_elsewhere: BodyStore) -> None:
        blob = await bodies.keep(MemoryBody(octets(1000)))
        again = await bodies_elsewhere.keep(bodies_elsewhere.body(blob, 1000))
        assert await bodies.body(again, 1000).read() == octets(1000)

    async def test_an_unknown_body_is_a_temporary_failure(self, bodies: BodyStore) -> None:
        blob = await bodies.keep(MemoryBody(octets(1000)))
        unknown = BlobId(blob.replace(hashlib.sha256(octets(1000)).hexdigest(), "0" * 64))
        with pytest.raises(TemporaryFailure):
            await bodies.body(unknown, 1000).read()
