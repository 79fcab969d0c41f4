"""The embedded stores of Sieve scripts and of their marks keep to their contracts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.sieve.ports import SieveMarks, SieveScripts
from tests.contracts.sieve_scripts import ANN, SieveMarksContract, SieveScriptsContract


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path)
    yield store
    await store.close()


@pytest.fixture
async def elsewhere(store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    other = await EmbeddedStore.open(tmp_path)
    yield other
    await other.close()


class TestEmbeddedSieveScripts(SieveScriptsContract):
    @pytest.fixture
    def scripts(self, store: EmbeddedStore) -> SieveScripts:
        return store.sieve_scripts

    @pytest.fixture
    def scripts_elsewhere(self, elsewhere: EmbeddedStore) -> SieveScripts:
        return elsewhere.sieve_scripts


class TestEmbeddedSieveMarks(SieveMarksContract):
    @pytest.fixture
    def marks(self, store: EmbeddedStore) -> SieveMarks:
        return store.sieve_marks

    @pytest.fixture
    def marks_elsewhere(self, elsewhere: EmbeddedStore) -> SieveMarks:
        return elsewhere.sieve_marks


async def test_marks_past_their_time_do_not_pile_up(store: EmbeddedStore) -> None:
    for number in range(60):
        await store.sieve_marks.mark(ANN, str(number).encode(), "run", number, number + 5)
    assert store._reader.execute("SELECT count(*) FROM sieve_mark").fetchone()[0] <= 6
