"""Bans in the memory of the process."""

from collections import OrderedDict

from compostela.base.clock import Clock
from compostela.core.authentication.failure_ports import Ban

MAX_BANS = 20_000
"""Kept at once; the first ones are forgotten first."""


class InProcessBans:
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(self, clock: Clock, most: int = MAX_BANS) -> None:
        self._clock = clock
        self._most = most
        self._bans: OrderedDict[str, Ban] = OrderedDict()

    async def add(self, ban: Ban) -> None:
        self._bans.pop(ban.address, None)
        self._bans[ban.address] = ban
        if len(self._bans) > self._most:
            self._bans.popitem(last=False)

    async def find(self, address: str) -> Ban | None:
        ban = self._bans.get(address)
        if ban is not None and not self._is_in_force(ban):
            del self._bans[address]
            return None
        return ban

    async def all(self) -> list[Ban]:
        return [ban for ban in self._bans.values() if self._is_in_force(ban)]

    async def remove(self, address: str) -> bool:
        ban = self._bans.pop(address, None)
        return ban is not None and self._is_in_force(ban)

    async def remove_all(self) -> bool:
        found = bool(await self.all())
        self._bans.clear()
        return found

    def _is_in_force(self, ban: Ban) -> bool:
        return ban.until > self._clock.now()
