"""Bodies are opened before their turn, a few at once, in a bounded number of octets."""

import asyncio

import pytest

from compostela.base.errors import TemporaryFailure
from compostela.core.blob.model import Body, MemoryBody
from compostela.core.blob.read_ahead import AHEAD, AHEAD_BYTES, ReadAhead


class FarBody(MemoryBody):
    """Its answer comes when a test lets it; `begun` are all that were asked for."""

    begun: list[bytes]
    answers: asyncio.Event
    octets: int = 1

    @classmethod
    def made(cls, name: bytes, begun: list[bytes], answers: asyncio.Event, octets: int = 1) -> "FarBody":
        body = cls(name)
        body.begun, body.answers, body.octets = begun, answers, octets
        return body

    @property
    def size(self) -> int:
        return self.octets

    @property
    def is_far(self) -> bool:
        return True

    async def opened(self) -> "MemoryBody":
        self.begun.append(self.data)
        await self.answers.wait()
        if self.data == b"bad":
            raise TemporaryFailure("it cannot be read")
        return self


class Bodies:
    def __init__(self, *names: bytes, octets: int = 1) -> None:
        self.begun: list[bytes] = []
        self.answers = asyncio.Event()
        self.all: dict[bytes, Body] = {name: FarBody.made(name, self.begun, self.answers, octets) for name in names}


def names(count: int) -> tuple[bytes, ...]:
    return tuple(b"%d" % number for number in range(count))


async def test_those_that_follow_are_asked_for_while_one_is_awaited() -> None:
    bodies = Bodies(*names(AHEAD + 2))
    async with ReadAhead(bodies.all) as ahead:
        first = asyncio.create_task(ahead.opened(b"0"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bodies.begun == list(names(AHEAD))
        bodies.answers.set()
        assert await (await first).read() == b"0"
        # 1 is passed over
        for name in names(AHEAD + 2)[2:]:
            assert await (await ahead.opened(name)).read() == name
    assert bodies.begun == list(names(AHEAD + 2)), "each once, in their order"


@pytest.mark.parametrize(("octets", "count"), [(AHEAD_BYTES // 2, 2), (AHEAD_BYTES, 1), (AHEAD_BYTES + 1, 1)])
async def test_large_ones_wait_for_their_turn(octets: int, count: int) -> None:
    bodies = Bodies(*names(4), octets=octets)
    async with ReadAhead(bodies.all) as ahead:
        first = asyncio.create_task(ahead.opened(b"0"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert bodies.begun == list(names(count))
        bodies.answers.set()
        await first
        for name in names(4)[1:]:
            assert await (await ahead.opened(name)).read() == name


async def test_a_body_that_cannot_be_read_stops_no_other() -> None:
    bodies = Bodies(b"0", b"bad", b"2")
    bodies.answers.set()
    async with ReadAhead(bodies.all) as ahead:
        await ahead.opened(b"0")
        with pytest.raises(TemporaryFailure):
            await ahead.opened(b"bad")
        assert await (await ahead.opened(b"2")).read() == b"2"


async def test_what_was_not_asked_for_is_given_up() -> None:
    bodies = Bodies(*names(3))
    before = asyncio.all_tasks()
    async with ReadAhead(bodies.all) as ahead:
        first = asyncio.create_task(ahead.opened(b"0"))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        assert asyncio.all_tasks() > before
    assert asyncio.all_tasks() == before


async def test_what_is_at_hand_is_opened_at_its_turn() -> None:
    async with ReadAhead({1: MemoryBody(b"one"), 2: MemoryBody(b"two")}) as ahead:
        before = asyncio.all_tasks()
        assert await (await ahead.opened(1)).read() == b"one"
        assert asyncio.all_tasks() == before
