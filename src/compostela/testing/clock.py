"""A clock that a test sets by hand."""

START = 1_800_000_000.0
"""The time of a new `FakeClock`, in seconds since the epoch."""


class FakeClock:
    """A `compostela.base.clock.Clock` that advances only when it is told to."""

    def __init__(self, now: float = START) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        """Let time pass, both the time of day and monotonic time."""
        self.time += seconds
