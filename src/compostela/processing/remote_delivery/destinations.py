"""Keeps a destination that is dead or slow from taking all workers.

A destination proves itself by taking a mail; until then few workers try it at a time. When none of its hosts can be talked to, its other
mails wait for a while without being tried. Neither counts as a try of these mails. What is known is the process's own and is
lost with it."""

from collections import Counter
from dataclasses import dataclass

from cachetools import LRUCache

from compostela.base.clock import Clock
from compostela.core.outbound.ports import SendResult

MAX_DESTINATIONS = 10_000
"""Destinations that are remembered; those unused for longest are forgotten."""
AT_ONCE = 5
"""Tries at the same time of a destination that has not proved itself, and at most half of the workers."""
BUSY_SECONDS = 1.0
"""How long a mail waits for such a destination."""
FIRST_PAUSE_SECONDS = 60.0
"""How long a destination is left alone that could not be reached; doubled each time in a row."""
MAX_PAUSE_SECONDS = 900.0


@dataclass(slots=True)
class _State:
    is_proved: bool = False
    failures: int = 0
    suspended_at: float = 0.0
    suspended_until: float = 0.0


class Destinations:
    """Of one outgoing queue in one process."""

    def __init__(self, workers: int, clock: Clock) -> None:
        self._at_once = max(1, min(AT_ONCE, workers // 2))
        self._clock = clock
        self._states: LRUCache[str, _State] = LRUCache(MAX_DESTINATIONS)
        self._in_work: Counter[str] = Counter()

    def wait_seconds(self, destination: str) -> float:
        """How long a mail must wait before it may be tried, 0 if it may be tried now."""
        state = self._states.get(destination)
        if state is None:
            return 0.0
        left = state.suspended_until - self._clock.now()
        if left > 0:
            return left
        return 0.0 if state.is_proved or self._in_work[destination] < self._at_once else BUSY_SECONDS

    def lift(self, destination: str, put_back_at: float) -> None:
        """Ends a pause that had begun when a mail was put back (epoch seconds): an administrator lets the mail come before its time. A
        pause that is newer stays, so of many mails that come at once not all try a dead destination."""
        state = self._states.get(destination)
        if state is not None and put_back_at >= state.suspended_at:
            state.suspended_until = 0.0

    def begin(self, destination: str) -> None:
        """A try begins."""
        self._states.setdefault(destination, _State())
        self._in_work[destination] += 1

    def end(self, destination: str, result: SendResult | None, delay_seconds: float) -> None:
        """A try has ended, with None if it was cut off. `delay_seconds`: when its mail would be tried again; no pause is longer."""
        self._in_work[destination] -= 1
        if not self._in_work[destination]:
            del self._in_work[destination]
        if result is None:
            return
        state = self._states.setdefault(destination, _State())
        if result.delivered or any(refusal.code for refusal in result.refused.values()):
            state.is_proved, state.failures, state.suspended_until = True, 0, 0.0
            return
        state.is_proved = False
        state.failures += 1
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(state.failures - 1, 10), MAX_PAUSE_SECONDS, delay_seconds)
        state.suspended_at = self._clock.now()
        state.suspended_until = state.suspended_at + pause
