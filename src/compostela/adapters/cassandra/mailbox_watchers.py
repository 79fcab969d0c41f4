"""Hints that a mailbox may have changed: at once for writes of this process, after a look at the heads for others."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE
from compostela.adapters.cassandra.mailbox_log import MailboxLogTable
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound, TemporaryFailure

_log = logging.getLogger(__name__)

LOOK_SECONDS = 4.0
"""How often the heads of watched mailboxes are read."""
SURE_LOOK_SECONDS = 60.0
"""The same while hints are known to come from every node that was ever heard of."""
_GONE = -1


@dataclass(eq=False, slots=True)
class _Watch:
    wake: Callable[[], None]
    seen: int | None


class Watchers:
    """Those of a process."""

    def __init__(
        self,
        log: MailboxLogTable,
        look_seconds: float = LOOK_SECONDS,
        hints_come: Callable[[], bool] = lambda: False,
    ) -> None:
        """`hints_come` tells whether hints of other nodes come: then heads are read every `SURE_LOOK_SECONDS` only, for a node that
        was never heard of."""
        self._table = log
        self._look_seconds = look_seconds
        self._hints_come = hints_come
        self._watches: dict[str, list[_Watch]] = {}
        self._looking: asyncio.Task[None] | None = None

    def watch(self, mailbox: str, wake: Callable[[], None], seen: int | None) -> Callable[[], None]:
        watch = _Watch(wake, seen)
        self._watches.setdefault(mailbox, []).append(watch)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

        def end() -> None:
            watches = self._watches.get(mailbox, [])
            if watch in watches:
                watches.remove(watch)
            if not watches:
                self._watches.pop(mailbox, None)

        return end

    def tell(self, mailbox: str, modseq: int | None) -> None:
        """A change came; None when the mailbox is gone."""
        for watch in tuple(self._watches.get(mailbox, ())):
            watch.seen = _GONE if modseq is None else modseq
            watch.wake()

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def look(self) -> None:
        """Read the heads of all watched mailboxes and wake the watchers of those that have changed. A watcher whose state was unknown
        is woken too, perhaps without a change."""
        await side_by_side(list(self._watches), self._look_at, SIDE_BY_SIDE)

    async def _look_at(self, mailbox: str) -> None:
        known = tuple(self._watches.get(mailbox, ()))
        try:
            modseq = (await self._table.head(mailbox))[1].modseq
        except NotFound:
            modseq = _GONE
        for watch in known:
            if watch.seen is None or (watch.seen < modseq if modseq != _GONE else watch.seen != _GONE):
                watch.seen = modseq
                watch.wake()

    async def _look(self) -> None:
        rested = 0.0
        while True:
            await asyncio.sleep(self._look_seconds)
            rested += self._look_seconds
            if self._hints_come() and rested < SURE_LOOK_SECONDS:
                continue
            rested = 0.0
            try:
                await self.look()
            except TemporaryFailure as error:
                _log.warning("watched mailboxes cannot be read: error=%s", error)
            except Exception:
                # watchers of other mailboxes go on
                _log.exception("watched mailboxes cannot be read")
