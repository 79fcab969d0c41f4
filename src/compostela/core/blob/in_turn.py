"""Several collections as one: of what rows keep first, then of what no row refers to any more."""

from collections.abc import Sequence
from dataclasses import replace

from compostela.base.errors import InvalidArgument
from compostela.core.blob.ports import BlobGarbage
from compostela.core.blob.references import CollectedPart


class CollectionsInTurn:
    """See `compostela.core.blob.ports.BlobGarbage`. A position is the number of a collection with the position in it."""

    def __init__(self, collections: Sequence[BlobGarbage]) -> None:
        self._collections = collections

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        number, within = self._parsed(position)
        part = await self._collections[number].collect(within or None, limit)
        if part.position is not None:
            return replace(part, position=f"{number}:{part.position}")
        return replace(part, position=f"{number + 1}:" if number + 1 < len(self._collections) else None)

    def _parsed(self, position: str | None) -> tuple[int, str]:
        if position is None:
            return 0, ""
        number, colon, within = position.partition(":")
        if not (colon and number.isdecimal() and int(number) < len(self._collections)):
            raise InvalidArgument("the position is not one of a collection")
        return int(number), within
