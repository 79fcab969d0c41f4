"""Addresses with recent logins in the memory of the process."""

from cachetools import FIFOCache

from compostela.base.clock import Clock

MAX_KNOWN = 50_000
"""Addresses at once; the one whose login is longest ago is forgotten first."""


class InProcessRecentLogins:
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(self, clock: Clock, most: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._times: FIFOCache[str, float] = FIFOCache(most)

    async def note(self, address: str) -> None:
        self._times[address] = self._clock.monotonic()

    async def within(self, address: str, seconds: float) -> bool:
        time = self._times.get(address)
        return time is not None and self._clock.monotonic() - time <= seconds
