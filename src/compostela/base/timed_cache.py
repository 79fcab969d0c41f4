"""Answers that are believed for a while."""

from collections import OrderedDict
from typing import Generic, TypeVar

from compostela.base.clock import Clock

K = TypeVar("K")
V = TypeVar("V")


class TimedCache(Generic[K, V]):
    """At most `most` values, each with its own time to live. The one that was put in first goes first."""

    def __init__(self, clock: Clock, most: int) -> None:
        self._clock = clock
        self._most = most
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """None for a value that is unknown or too old."""
        ends_at, value = self._values.get(key, (0.0, None))
        return value if ends_at > self._clock.monotonic() else None

    def put(self, key: K, value: V, seconds: float) -> None:
        self._values[key] = (self._clock.monotonic() + seconds, value)
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
