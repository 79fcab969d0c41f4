"""Failed logins in the memory of the process."""

from dataclasses import dataclass, field

from cachetools import LRUCache

from compostela.base.clock import Clock

MAX_KEYS = 20_000
"""Kept at once; those that failed longest ago are forgotten first."""


@dataclass(slots=True)
class _Failures:
    since: float
    attempts: set[bytes] = field(default_factory=set)


class InProcessFailedLogins:
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(self, clock: Clock, most_keys: int = MAX_KEYS) -> None:
        self._clock = clock
        self._known: LRUCache[str, _Failures] = LRUCache(most_keys)

    async def count(self, key: str, attempt: bytes, *, window_seconds: float, most: int) -> int:
        now = self._clock.monotonic()
        failures = self._known.get(key)
        if failures is None or now - failures.since > window_seconds:
            failures = self._known[key] = _Failures(now)
        if len(failures.attempts) <= most:
            failures.attempts.add(attempt)
        return len(failures.attempts)

    async def forget(self, key: str) -> None:
        self._known.pop(key, None)

    async def forget_all(self) -> None:
        self._known.clear()
