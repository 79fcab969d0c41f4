"""How many wrong secrets an address may try at the administration API."""

import time
from collections import OrderedDict
from collections.abc import Callable

TRIES = 10
"""Wrong secrets of one address in a window; more requests get 429."""
WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000
"""Addresses that are remembered; the oldest is forgotten first."""


class WrongSecrets:
    """Counts in windows that begin with an address's first wrong secret."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait_seconds(self, address: str) -> float:
        """How long the address may try nothing; 0 when it may."""
        end, count = self._windows.get(address, (0.0, 0))
        return max(0.0, end - self._monotonic()) if count >= TRIES else 0.0

    def add(self, address: str) -> None:
        """Counts a wrong secret."""
        now = self._monotonic()
        end, count = self._windows.get(address, (0.0, 0))
        if end <= now:
            end, count = now + WINDOW_SECONDS, 0
            self._windows.pop(address, None)
        self._windows[address] = end, count + 1
        if len(self._windows) > MAX_ADDRESSES:
            self._windows.popitem(last=False)
