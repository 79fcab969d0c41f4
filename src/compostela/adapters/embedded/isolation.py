"""Entries whose process has died repeatedly run alone, so that a further death tells which entry is to blame.

*Alone* means that no other entry of any queue is in work in this process. The others wait for a bounded time only: an entry that
has run for `ALONE_SECONDS` without killing its process lets them go on, and one for which the entries in work do not make room
within `ROOM_SECONDS` runs beside them.
"""

import asyncio

from compostela.adapters.embedded.in_work import InWork

SUSPECT_DEATHS = 2
"""From this death on an entry runs alone."""
ALONE_SECONDS = 10.0
ROOM_SECONDS = 10.0


class Isolation:
    """Which entries of this process are in work, by row. Belongs to one event loop."""

    def __init__(self, in_work: InWork) -> None:
        self._in_work = in_work
        self._rows: set[int] = set()
        self._alone: int | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def rows(self) -> set[int]:
        return self._rows

    async def enter(self, row_id: int, deaths: int) -> None:
        """Returns when the entry may go into work. Cancelling is harmless."""
        while self._alone is not None:
            await self._changed()
        is_alone = False
        if deaths >= SUSPECT_DEATHS:
            self._alone = row_id
            try:
                is_alone = await self._room()
            except BaseException:
                self._let_others_in()
                raise
            if is_alone:
                self._timer = asyncio.get_running_loop().call_later(ALONE_SECONDS, self._lift, row_id)
            else:
                self._let_others_in()
        self._rows.add(row_id)
        self._in_work.begin(row_id, is_alone=is_alone)

    def leave(self, row_id: int) -> None:
        """May be called again."""
        self._rows.discard(row_id)
        self._in_work.end(row_id)
        if self._alone == row_id:
            self._let_others_in()
        elif self._waiters:
            self._wake()

    def _lift(self, row_id: int) -> None:
        if self._alone == row_id:
            self._in_work.no_longer_alone(row_id)
            self._let_others_in()

    async def _room(self) -> bool:
        """Whether nothing else is in work."""
        try:
            async with asyncio.timeout(ROOM_SECONDS):
                while self._rows:
                    await self._changed()
        except TimeoutError:
            return False
        return True

    def _let_others_in(self) -> None:
        self._alone = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._wake()

    async def _changed(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
