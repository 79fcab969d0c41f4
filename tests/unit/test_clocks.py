"""Both clocks, the machine's and that of the tests, keep to the contract."""

import pytest

from compostela.base.clock import Clock, SystemClock
from compostela.testing.clock import FakeClock
from tests.contracts.clock import ClockContract


class TestSystemClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestFakeClock(ClockContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return FakeClock()
