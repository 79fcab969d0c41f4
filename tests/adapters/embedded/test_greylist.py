"""The embedded store of greylisting: its contract, and what goes with the garbage."""

import pytest

from compostela.adapters.embedded import greylist as module
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.filtering.ports import GreylistStore, SeenTriplet
from compostela.testing.clock import START
from tests.adapters.embedded.distance import clock, elsewhere, faulty, store
from tests.contracts.filtering import GreylistStoreContract

__all__ = ["clock", "elsewhere", "faulty", "store"]


class TestEmbeddedGreylist(GreylistStoreContract):
    @pytest.fixture
    def greylist(self, store: EmbeddedStore) -> GreylistStore:
        return store.greylist

    @pytest.fixture
    def greylist_elsewhere(self, elsewhere: EmbeddedStore) -> GreylistStore:
        return elsewhere.greylist


async def test_a_flood_leaves_no_more_than_so_many_and_those_with_the_most_time(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    greylist = module.EmbeddedGreylist(store._writer, store._reader, most=20)
    kept = SeenTriplet(START, START + 1000, True)
    await greylist.remember(b"k" * 16, kept)
    for number in range(100):
        await greylist.remember(bytes([255 - number] * 16), SeenTriplet(START, START + number, False))
    found = [number for number in range(100) if await greylist.find(bytes([255 - number] * 16)) is not None]
    assert found == list(range(100 - len(found), 100))
    assert 18 <= len(found) <= 20
    assert await greylist.find(b"k" * 16) == kept


async def test_what_is_past_its_time_goes_with_the_garbage(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 3)
    for number in range(10):
        await store.greylist.remember(bytes([number] * 16), SeenTriplet(START, 1.0, False))
    # far in the future
    kept = SeenTriplet(START, START * 4, True)
    await store.greylist.remember(b"k" * 16, kept)
    await store.collect_garbage()
    assert [await store.greylist.find(bytes([number] * 16)) for number in range(10)] == [None] * 10
    assert await store.greylist.find(b"k" * 16) == kept
