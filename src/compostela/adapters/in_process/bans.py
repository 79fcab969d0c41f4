"""Bans in the memory of the process."""

from cachetools import TLRUCache

from compostela.base.clock import Clock
from compostela.core.authentication.failure_ports import Ban

MAX_BANS = 20_000
"""Kept at once; the one whose address has not come for longest is forgotten first."""


class InProcessBans:
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(self, clock: Clock, most: int = MAX_BANS) -> None:
        self._bans: TLRUCache[str, Ban, float] = TLRUCache(most, lambda _address, ban, _now: ban.until, clock.now)

    async def add(self, ban: Ban) -> None:
        self._bans[ban.address] = ban

    async def find(self, address: str) -> Ban | None:
        return self._bans.get(address)

    async def all(self) -> list[Ban]:
        return list(self._bans.values())

    async def remove(self, address: str) -> bool:
        return self._bans.pop(address, None) is not None

    async def remove_all(self) -> bool:
        found = bool(self._bans)
        self._bans.clear()
        return found
