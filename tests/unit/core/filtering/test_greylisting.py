"""When greylisting lets a triplet through, over the embedded store and a clock that is set by hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.filtering.greylisting import Greylisting, GreylistRules
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from compostela.testing.mails import address

HOUR = 3600.0
CLIENT = "192.0.2.1"
BOB = address("bob@example.org")
ANN = address("ann@sender.example")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock)
    yield store
    await store.close()


@pytest.fixture
def greylisting(store: EmbeddedStore, clock: FakeClock) -> Greylisting:
    return Greylisting(store.greylist, GreylistRules(), clock)


async def test_who_comes_again_between_block_and_oblivion_is_let_through(
    greylisting: Greylisting, clock: FakeClock
) -> None:
    said = []
    # RFC 6647 §2.4: a retry that comes too early does not begin the time anew
    for wait in (0.0, 0.5 * HOUR, 0.49 * HOUR, 0.01 * HOUR, 0.0, 35 * 24 * HOUR, 35 * 24 * HOUR, 36 * 24 * HOUR):
        clock.advance(wait)
        said.append(await greylisting.passes(CLIENT, ANN, BOB))
    assert said == [False, False, False, True, True, True, True, False]


async def test_who_comes_again_too_late_is_new(greylisting: Greylisting, clock: FakeClock) -> None:
    assert not await greylisting.passes(CLIENT, ANN, BOB)
    clock.advance(4 * HOUR)
    assert not await greylisting.passes(CLIENT, ANN, BOB)
    clock.advance(HOUR)
    assert await greylisting.passes(CLIENT, ANN, BOB)


async def test_client_sender_and_recipient_all_count(greylisting: Greylisting, clock: FakeClock) -> None:
    assert not await greylisting.passes(CLIENT, ANN, BOB)
    clock.advance(HOUR)
    assert not await greylisting.passes("192.0.2.2", ANN, BOB)
    assert not await greylisting.passes(CLIENT, None, BOB)
    assert not await greylisting.passes(CLIENT, ANN, address("ann@example.org"))
    assert await greylisting.passes(CLIENT, address("Ann@SENDER.example"), address("Bob@example.ORG"))
    assert await greylisting.passes(f"::ffff:{CLIENT}", ANN, BOB)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.254", True),
        ("192.0.2.1", "192.0.3.1", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
async def test_addresses_of_one_network_are_one_client(
    store: EmbeddedStore, clock: FakeClock, first: str, second: str, same: bool
) -> None:
    greylisting = Greylisting(store.greylist, GreylistRules(ipv4_prefix=24), clock)
    assert not await greylisting.passes(first, ANN, BOB)
    clock.advance(HOUR)
    assert await greylisting.passes(second, ANN, BOB) is same


async def test_a_known_triplet_is_not_written_with_every_mail(
    store: EmbeddedStore, greylisting: Greylisting, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    remember = store.greylist.remember

    async def counted(key: bytes, seen: object) -> None:
        written.append(key)
        await remember(key, seen)  # type: ignore[arg-type]

    monkeypatch.setattr(store.greylist, "remember", counted)
    for _ in range(100):
        await greylisting.passes(CLIENT, ANN, BOB)
        clock.advance(HOUR)
    # the first attempt, the first that passes, and two in the four days after it
    assert len(written) == 4
