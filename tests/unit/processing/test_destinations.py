"""A destination that is dead or slow does not take all workers."""

from compostela.core.outbound.ports import Refusal, SendResult
from compostela.processing.remote_delivery.destinations import AT_ONCE, BUSY_SECONDS, MAX_DESTINATIONS, Destinations
from compostela.testing.clock import FakeClock
from compostela.testing.mails import address

BOB = address("bob@dead.example")
DEAD = SendResult(refused={BOB: Refusal(0, "no connection")})
LATER = SendResult(refused={BOB: Refusal(450, "450 later")})
TAKEN = SendResult(delivered=[BOB])


def test_few_workers_try_a_destination_that_has_not_proved_itself() -> None:
    destinations = Destinations(100, FakeClock())
    for _ in range(AT_ONCE):
        assert destinations.wait_seconds("a.example") == 0
        destinations.begin("a.example")
    assert destinations.wait_seconds("a.example") == BUSY_SECONDS
    assert destinations.wait_seconds("b.example") == 0
    destinations.end("a.example", TAKEN, 3600)
    for _ in range(50):
        assert destinations.wait_seconds("a.example") == 0
        destinations.begin("a.example")


def test_a_destination_that_cannot_be_reached_is_left_alone_for_longer_each_time() -> None:
    clock = FakeClock()
    destinations = Destinations(10, clock)
    for pause in (60, 120, 240, 480, 900, 900):
        assert destinations.wait_seconds("a.example") == 0
        destinations.begin("a.example")
        destinations.end("a.example", DEAD, 3600)
        assert destinations.wait_seconds("a.example") == pause
        clock.advance(pause)
    destinations.begin("a.example")
    destinations.end("a.example", LATER, 3600)  # it answers
    assert destinations.wait_seconds("a.example") == 0


def test_no_pause_is_longer_than_the_time_to_the_next_try() -> None:
    destinations = Destinations(1, FakeClock())
    destinations.begin("a.example")
    destinations.end("a.example", DEAD, 5)
    assert destinations.wait_seconds("a.example") == 5
    destinations.begin("b.example")
    destinations.end("b.example", None, 5)  # cut off
    assert destinations.wait_seconds("b.example") == 0


def test_a_pause_is_lifted_for_mails_from_before_it_and_not_for_each_of_them() -> None:
    clock = FakeClock()
    destinations = Destinations(10, clock)
    destinations.begin("a.example")
    destinations.end("a.example", DEAD, 3600)
    put_back_at = clock.now()
    clock.advance(1)
    destinations.lift("a.example", put_back_at)
    assert destinations.wait_seconds("a.example") == 0
    destinations.begin("a.example")
    destinations.end("a.example", DEAD, 3600)
    destinations.lift("a.example", put_back_at)
    assert destinations.wait_seconds("a.example") == 120
    destinations.lift("unknown.example", put_back_at)


def test_what_is_remembered_is_bounded() -> None:
    destinations = Destinations(1, FakeClock())
    for number in range(MAX_DESTINATIONS + 10):
        destinations.begin(f"{number}.example")
        destinations.end(f"{number}.example", DEAD, 3600)
    assert destinations.wait_seconds("0.example") == 0
    assert destinations.wait_seconds(f"{MAX_DESTINATIONS}.example") > 0
