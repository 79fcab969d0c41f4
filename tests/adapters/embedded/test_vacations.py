"""The embedded store of vacations: its contract, and its limit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.vacations import EmbeddedVacations
from compostela.core.vacation.ports import VacationStore
from compostela.testing.clock import START
from tests.contracts.vacations import BOB, CARL, DORA, FIRST, VacationStoreContract


class TestEmbeddedVacations(VacationStoreContract):
    @pytest.fixture
    def vacations(self, store: EmbeddedStore) -> VacationStore:
        return store.vacations

    @pytest.fixture
    async def vacations_elsewhere(self, store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[VacationStore]:
        other = await EmbeddedStore.open(tmp_path)
        yield other.vacations
        await other.close()


async def test_senders_beyond_the_limit_are_not_answered_before_others_expire(store: EmbeddedStore) -> None:
    vacations = EmbeddedVacations(store._writer, store._reader, store._lookups, most=1)
    assert await vacations.claim(BOB, CARL, FIRST, START, START + 60)
    assert not await vacations.claim(BOB, DORA, FIRST, START, START + 60)
    assert await vacations.claim(BOB, DORA, FIRST, START + 61, START + 90)
