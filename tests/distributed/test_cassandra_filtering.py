"""Greylisting, Sieve scripts and marks, and vacations in Cassandra keep to the contracts."""

import asyncio

import pytest

from compostela.adapters.cassandra.greylist import CassandraGreylist
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.sieve_lists import CassandraSieveLists
from compostela.adapters.cassandra.sieve_marks import CassandraSieveMarks
from compostela.adapters.cassandra.sieve_scripts import CassandraGlobalScripts, CassandraSieveScripts
from compostela.adapters.cassandra.vacations import CassandraVacations
from compostela.core.filtering.ports import GreylistStore
from compostela.core.sieve.ports import GlobalScripts, SieveLists, SieveMarks, SieveScripts
from compostela.core.vacation.ports import VacationStore
from compostela.testing.clock import START, FakeClock
from tests.contracts.distance import SKEW_SECONDS
from tests.contracts.filtering import GreylistStoreContract
from tests.contracts.sieve_scripts import (
    ANN,
    FRIENDS,
    GlobalScriptsContract,
    SieveListsContract,
    SieveMarksContract,
    SieveScriptsContract,
)
from tests.contracts.vacations import BOB as AWAY_USER
from tests.contracts.vacations import CARL, DORA, FIRST, VacationStoreContract


class TestCassandraGreylist(GreylistStoreContract):
    @pytest.fixture
    def greylist(self, session: CassandraSession) -> GreylistStore:
        return CassandraGreylist(session, FakeClock())

    @pytest.fixture
    def greylist_elsewhere(self, session_elsewhere: CassandraSession) -> GreylistStore:
        clock = FakeClock()
        clock.advance(SKEW_SECONDS)
        return CassandraGreylist(session_elsewhere, clock)


class TestCassandraSieveScripts(SieveScriptsContract):
    @pytest.fixture
    def scripts(self, session: CassandraSession) -> SieveScripts:
        return CassandraSieveScripts(session)

    @pytest.fixture
    def scripts_elsewhere(self, session_elsewhere: CassandraSession) -> SieveScripts:
        return CassandraSieveScripts(session_elsewhere)


class TestCassandraGlobalScripts(GlobalScriptsContract):
    @pytest.fixture
    def global_scripts(self, session: CassandraSession) -> GlobalScripts:
        return CassandraGlobalScripts(session)

    @pytest.fixture
    def global_scripts_elsewhere(self, session_elsewhere: CassandraSession) -> GlobalScripts:
        return CassandraGlobalScripts(session_elsewhere)

    @pytest.fixture
    def scripts(self, session: CassandraSession) -> SieveScripts:
        return CassandraSieveScripts(session)


class TestCassandraSieveLists(SieveListsContract):
    @pytest.fixture
    def lists(self, session: CassandraSession) -> SieveLists:
        return CassandraSieveLists(session)

    @pytest.fixture
    def lists_elsewhere(self, session_elsewhere: CassandraSession) -> SieveLists:
        return CassandraSieveLists(session_elsewhere)

    @pytest.fixture
    def scripts(self, session: CassandraSession) -> SieveScripts:
        return CassandraSieveScripts(session)

    async def test_a_large_list_is_replaced_whole(self, lists: SieveLists, lists_elsewhere: SieveLists) -> None:
        first, second = ([f"{word}{n:04}@x.example" for n in range(2500)] for word in ("a", "b"))
        await lists.put(ANN, FRIENDS, first)
        reading = asyncio.create_task(self.seen_while(lists_elsewhere))
        await lists.put(ANN, FRIENDS, second)
        assert await lists_elsewhere.members(ANN, FRIENDS) == second
        assert await reading in (first, second)

    async def seen_while(self, lists: SieveLists) -> list[str] | None:
        return await lists.members(ANN, FRIENDS)


class TestCassandraSieveMarks(SieveMarksContract):
    @pytest.fixture
    def marks(self, session: CassandraSession) -> SieveMarks:
        return CassandraSieveMarks(session)

    @pytest.fixture
    def marks_elsewhere(self, session_elsewhere: CassandraSession) -> SieveMarks:
        return CassandraSieveMarks(session_elsewhere)


class TestCassandraVacations(VacationStoreContract):
    @pytest.fixture
    def vacations(self, session: CassandraSession) -> VacationStore:
        return CassandraVacations(session)

    @pytest.fixture
    def vacations_elsewhere(self, session_elsewhere: CassandraSession) -> VacationStore:
        return CassandraVacations(session_elsewhere)


async def test_a_user_answers_no_more_senders_than_are_remembered(session: CassandraSession) -> None:
    vacations = CassandraVacations(session, most=1)
    assert await vacations.claim(AWAY_USER, CARL, FIRST, START, START + 60)
    assert not await vacations.claim(AWAY_USER, DORA, FIRST, START, START + 60)
    assert await vacations.claim(AWAY_USER, CARL, FIRST, START, START + 60)
