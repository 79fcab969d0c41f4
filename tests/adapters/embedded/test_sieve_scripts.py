"""The embedded stores of Sieve scripts, lists and marks keep to their contracts."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveMarks, SieveScripts
from tests.contracts.sieve_scripts import (
    ANN,
    GlobalScriptsContract,
    SieveListsContract,
    SieveMarksContract,
    SieveScriptsContract,
)


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


class TestEmbeddedGlobalScripts(GlobalScriptsContract):
    @pytest.fixture
    def scripts(self, store: EmbeddedStore) -> SieveScripts:
        return store.sieve_scripts

    @pytest.fixture
    def global_scripts(self, store: EmbeddedStore) -> GlobalScripts:
        return store.global_scripts

    @pytest.fixture
    def global_scripts_elsewhere(self, elsewhere: EmbeddedStore) -> GlobalScripts:
        return elsewhere.global_scripts


class TestEmbeddedSieveLists(SieveListsContract):
    @pytest.fixture
    def scripts(self, store: EmbeddedStore) -> SieveScripts:
        return store.sieve_scripts

    @pytest.fixture
    def lists(self, store: EmbeddedStore) -> SieveLists:
        return store.sieve_lists

    @pytest.fixture
    def lists_elsewhere(self, elsewhere: EmbeddedStore) -> SieveLists:
        return elsewhere.sieve_lists


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
