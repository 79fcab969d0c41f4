"""Entries whose process has died repeatedly run alone, so that a further death tells which entry is to blame.

*Alone* means that no other entry of any queue is in work in this process. Both waits are bounded: an entry for which the others do not
make room in time runs beside them, and one that has run for a while without killing its process lets them in again.
"""

import asyncio

from compostela.model.numbers import EntryId

SUSPECT_DEATHS = 2
"""From this death on an entry runs alone."""
ROOM_SECONDS = 10.0
ALONE_SECONDS = 10.0


class Turns:
    """Which entries of this process are in work. Belongs to one event loop."""

    def __init__(self) -> None:
        self._in_work: set[EntryId] = set()
        self._alone: EntryId | None = None
        self._waiting: list[asyncio.Future[None]] = []

    async def enter(self, entry: EntryId, deaths: int) -> bool:
        """Waits until the entry may go into work. Return whether it is alone there. Cancelling is harmless."""
        while self._alone is not None:
            await self._change()
        is_alone = False
        if deaths >= SUSPECT_DEATHS:
            self._alone = entry
            try:
                is_alone = await self._room()
            finally:
                if not is_alone:
                    self._end_alone(entry)
        self._in_work.add(entry)
        if is_alone:
            asyncio.get_running_loop().call_later(ALONE_SECONDS, self._end_alone, entry)
        return is_alone

    def leave(self, entry: EntryId) -> None:
        """May be called again."""
        self._in_work.discard(entry)
        self._end_alone(entry)

    async def _room(self) -> bool:
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                while self._in_work:
                    await self._change()
        except TimeoutError:
            return False
        return True

    def _end_alone(self, entry: EntryId) -> None:
        if self._alone == entry:
            self._alone = None
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def _change(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter
