"""Rate limits that all workers share."""

import logging

from compostela.adapters.shared_counters.engine import CountersFile, Execute
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.rate_limits.ports import RateLimit, RateLimits

_log = logging.getLogger(__name__)

MAX_KEYS = 100_000
"""Kept at once; those unused for longest are forgotten first."""
_TRIM = """DELETE FROM rate WHERE (key, seconds) IN
    (SELECT key, seconds FROM rate ORDER BY used DESC LIMIT -1 OFFSET ?)"""


class SharedRateLimits:
    """See `compostela.core.rate_limits.ports`. While the file cannot be used, `meanwhile` counts in the process."""

    def __init__(self, file: CountersFile, clock: Clock, meanwhile: RateLimits, most_keys: int = MAX_KEYS) -> None:
        self._file = file
        self._clock = clock
        self._meanwhile = meanwhile
        self._most_keys = most_keys
        self._complaints = Complaints(_log, clock)

    async def take(self, key: str, quantity: int, limit: RateLimit) -> bool:
        now = self._clock.now()
        position = now / limit.window_seconds
        part = int(position)

        def job(execute: Execute) -> bool:
            row = execute(
                "SELECT part, present, last FROM rate WHERE key = ? AND seconds = ?", (key, limit.window_seconds)
            ).fetchone()
            known, present, last = row or (part, 0, 0)
            if known != part:
                last = present if part == known + 1 else 0
                present = 0
            if last * (1 - position % 1) + present + quantity > limit.quantity:
                return False
            values = (key, limit.window_seconds, part, present + quantity, last, now)
            execute("INSERT OR REPLACE INTO rate VALUES (?, ?, ?, ?, ?, ?)", values)
            if row is None and self._file.is_time_to_trim():
                execute(_TRIM, (self._most_keys,))
            return True

        try:
            return self._file.change(job)
        except TemporaryFailure as error:
            self._complaints.error("rate limits are counted in this worker alone", error)
            return await self._meanwhile.take(key, quantity, limit)
