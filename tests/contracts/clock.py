"""What every clock keeps to. A subclass gives the fixture `clock`."""

from compostela.base.clock import Clock


class ClockContract:
    ports = (Clock,)

    def test_monotonic_time_never_runs_backwards(self, clock: Clock) -> None:
        times = [clock.monotonic() for _ in range(1000)]
        assert times == sorted(times)

    def test_now_is_in_seconds_since_the_epoch(self, clock: Clock) -> None:
        assert 1_500_000_000 < clock.now() < 10_000_000_000
