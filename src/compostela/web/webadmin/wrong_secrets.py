"""How many wrong secrets an address may try at the administration API."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TLRUCache

TRIES = 10
"""Wrong secrets of one address in a window; more requests get 429."""
WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000
"""Addresses that are remembered; the one unused for longest is forgotten first."""


@dataclass(slots=True)
class _Window:
    ends_at: float
    count: int = 0


class WrongSecrets:
    """Counts in windows that begin with an address's first wrong secret."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows: TLRUCache[str, _Window, float] = TLRUCache(
            MAX_ADDRESSES, lambda _address, window, _now: window.ends_at, monotonic
        )

    def wait_seconds(self, address: str) -> float:
        """How long the address may try nothing; 0 when it may."""
        window = self._windows.get(address)
        if window is None or window.count < TRIES:
            return 0.0
        return max(0.0, window.ends_at - self._monotonic())

    def add(self, address: str) -> None:
        """Counts a wrong secret."""
        window = self._windows.get(address)
        if window is None:
            window = self._windows[address] = _Window(self._monotonic() + WINDOW_SECONDS)
        window.count += 1
