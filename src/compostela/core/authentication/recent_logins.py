"""Addresses from which somebody has logged in lately, for POP before SMTP."""

from collections import OrderedDict

from compostela.base.clock import Clock

MAX_KNOWN = 50_000
"""Addresses at once; the one whose login is longest ago is forgotten first."""


class RecentLogins:
    """In the memory of the process: mail programs log in every few minutes, so that a restart is soon forgotten."""

    def __init__(self, clock: Clock, most: int = MAX_KNOWN) -> None:
        self._clock = clock
        self._most = most
        self._times: OrderedDict[str, float] = OrderedDict()

    def note(self, address: str) -> None:
        """A login, now."""
        self._times[address] = self._clock.monotonic()
        self._times.move_to_end(address)
        if len(self._times) > self._most:
            self._times.popitem(last=False)

    def within(self, address: str, seconds: float) -> bool:
        """Whether the last login from there is no longer ago than that."""
        time = self._times.get(address)
        return time is not None and self._clock.monotonic() - time <= seconds
