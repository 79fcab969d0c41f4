"""Failures that repeat themselves: each kind is logged once in a while, with the number of times it was left out."""

import logging

from cachetools import LRUCache

from compostela.base.clock import Clock
from compostela.base.errors import TemporaryFailure

REPEAT_SECONDS = 3600.0
"""A kind of failure that goes on is logged again after this time."""
MAX_KINDS = 100
"""Kinds that are remembered; beyond that the oldest is forgotten, and is logged again when it comes."""


class Complaints:
    """The log of one component. A kind is an event phrase together with the class of the error."""

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._kinds: LRUCache[tuple[str, type[BaseException]], tuple[float, int]] = LRUCache(MAX_KINDS)

    def error(self, event: str, error: BaseException, **fields: object) -> None:
        """Logs the first failure of its kind; counts the following ones until `REPEAT_SECONDS` are over. What the environment refuses is
        told in one line, all else with its traceback."""
        kind, now = (event, type(error)), self._clock.monotonic()
        known = self._kinds.get(kind)
        if known is not None and now < known[0] + REPEAT_SECONDS:
            self._kinds[kind] = (known[0], known[1] + 1)
            return
        self._kinds[kind] = (now, 0)
        if known is not None and known[1]:
            fields["times_since_last_logged"] = known[1]
        if isinstance(error, TemporaryFailure | OSError):
            self._log.error(event, extra={**fields, "error": str(error) or type(error).__name__})
        else:
            self._log.error(event, exc_info=error, extra=fields)
