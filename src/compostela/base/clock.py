"""Time as a port, so that tests decide what time it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall-clock and monotonic time in seconds. Embedded and distributed alike: the machine's own clocks; no promise of
    order rests on the clocks of two machines."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never run backwards: for measuring and for time limits."""
        ...


class SystemClock:
    """The machine's own clocks."""

    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)


def as_datetime(epoch_seconds: float) -> datetime:
    """The aware UTC datetime of an epoch time."""
    return datetime.fromtimestamp(epoch_seconds, UTC)
