"""Several collections run one after the other, and go on where one was left."""

import pytest

from compostela.base.errors import InvalidArgument
from compostela.core.blob.in_turn import CollectionsInTurn
from compostela.core.blob.references import CollectedPart


class Numbers:
    """A collection that removes one of `count` things in each step."""

    def __init__(self, count: int) -> None:
        self.count = count

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        if position == "wrong":
            raise InvalidArgument("unknown")
        done = int(position or 0) + 1
        return CollectedPart(None if done == self.count else str(done), removed=1)


async def test_one_collection_follows_the_other() -> None:
    collections = CollectionsInTurn([Numbers(3), Numbers(1), Numbers(2)])
    positions, removed = [], 0
    position = None
    while True:
        part = await collections.collect(position, 10)
        removed += part.removed
        positions.append(position := part.position)
        if position is None:
            break
    assert positions == ["0:1", "0:2", "1:", "2:", "2:1", None]
    assert removed == 6


@pytest.mark.parametrize("position", ["", "1", "3:", "-1:", "x:1", "0:wrong"])
async def test_positions_of_other_collections_are_refused(position: str) -> None:
    with pytest.raises(InvalidArgument):
        await CollectionsInTurn([Numbers(3)]).collect(position, 10)
