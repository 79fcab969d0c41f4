"""Rate limits in the memory of the process."""

from dataclasses import dataclass

from cachetools import LRUCache

from compostela.base.clock import Clock
from compostela.core.rate_limits.ports import RateLimit

MAX_KEYS = 100_000
"""Kept at once; those unused for longest are forgotten first. About 30 MB."""


@dataclass(slots=True)
class _Counter:
    part: int
    """Number of the present part: time divided by the window's length."""
    present: int = 0
    last: int = 0


class InProcessRateLimits:
    """See `compostela.core.rate_limits.ports`."""

    def __init__(self, clock: Clock, most_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._counters: LRUCache[tuple[str, float], _Counter] = LRUCache(most_keys)

    async def take(self, key: str, quantity: int, limit: RateLimit) -> bool:
        position = self._clock.monotonic() / limit.window_seconds
        counter = self._counter((key, limit.window_seconds), int(position))
        weighted = counter.last * (1 - position % 1) + counter.present
        if weighted + quantity > limit.quantity:
            return False
        counter.present += quantity
        return True

    def _counter(self, key: tuple[str, float], part: int) -> _Counter:
        counter = self._counters.setdefault(key, _Counter(part))
        if part != counter.part:
            counter.last = counter.present if part == counter.part + 1 else 0
            counter.present, counter.part = 0, part
        return counter
