"""Bodies that are read one after the other are fetched before their turn: over a network the wait for one is that for several."""

import asyncio
from collections.abc import Mapping
from typing import Generic, TypeVar

from compostela.core.blob.model import Body

Key = TypeVar("Key")

AHEAD = 8
"""Bodies of one reader that are fetched at once."""
AHEAD_BYTES = 1024 * 1024
"""Octets of the bodies that are fetched at once. One for which there is no room waits for its turn, as do those after it."""


class ReadAhead(Generic[Key]):
    """Bodies in the order in which they will be asked for; some may be passed over. What was begun and not asked for is given up at the end
    of the `async with` block."""

    def __init__(self, bodies: Mapping[Key, Body]) -> None:
        self._bodies = bodies
        self._keys = list(bodies)
        self._places = {key: place for place, key in enumerate(self._keys)}
        self._begun: dict[Key, asyncio.Task[Body]] = {}

    async def opened(self, key: Key) -> Body:
        """As `Body.opened`; those that follow are begun meanwhile. Raises `TemporaryFailure` for this body alone."""
        self._begin_from(self._places[key])
        begun = self._begun.pop(key, None)
        return await (self._bodies[key].opened() if begun is None else begun)

    def _begin_from(self, place: int) -> None:
        octets = 0
        for key in self._keys[place : place + AHEAD]:
            body = self._bodies[key]
            if not body.is_far:
                continue
            octets += body.size
            if octets > AHEAD_BYTES:
                return
            if key not in self._begun:
                self._begun[key] = asyncio.ensure_future(body.opened())

    async def __aenter__(self) -> "ReadAhead[Key]":
        return self

    async def __aexit__(self, *_: object) -> None:
        left = list(self._begun.values())
        for task in left:
            task.cancel()
        if left:
            await asyncio.gather(*left, return_exceptions=True)
