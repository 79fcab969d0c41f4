"""Unqueued runs, dead letters and usage in Cassandra keep to the contracts. The mailboxes beside the runs are embedded."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from compostela.adapters.cassandra.dead_letters import CassandraDeadLetters
from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.unqueued_runs import RUN, CassandraRuns
from compostela.adapters.cassandra.usage import HeadsUsage
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.events.ports import DeadLetters
from compostela.core.events.usage import UsageStore
from compostela.core.idempotency import Effect
from compostela.core.mail.ports import UnqueuedRuns
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import EntryId, MailboxId
from tests.contracts.distance import Eventually
from tests.contracts.effects import RememberedEffects
from tests.contracts.listeners import DeadLettersContract, UsageContract
from tests.contracts.unqueued_runs import MARK, UnqueuedRunsContract
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    yield store
    await store.close()


@pytest.fixture
def mailboxes(store: EmbeddedStore) -> MailboxStore:
    return store.mailboxes


class AskingMailboxes:
    """Embedded mailboxes that ask Cassandra whether an entry is over, as those in Cassandra do."""

    def __init__(self, mailboxes: MailboxStore, entries: Entries) -> None:
        self._mailboxes = mailboxes
        self._entries = entries

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mailboxes, name)

    async def append(self, mailbox: MailboxId, messages: list[NewMessage], effect: Effect) -> object:
        if await self._entries.is_over(effect.entry):
            return []
        # the embedded store knows no end of an id of this form
        known = Effect(EntryId(f"elsewhere-{effect.entry}"), effect.key)
        return await self._mailboxes.append(mailbox, messages, known)


async def test_an_id_of_an_unknown_form_has_no_end() -> None:
    assert not await Entries().is_over(EntryId("q-1"))


class TestCassandraRuns(UnqueuedRunsContract):
    @pytest.fixture
    async def runs(self, session: CassandraSession) -> AsyncIterator[UnqueuedRuns]:
        runs = CassandraRuns(session)
        yield runs
        await runs.close()

    @pytest.fixture
    async def runs_elsewhere(self, session_elsewhere: CassandraSession) -> AsyncIterator[UnqueuedRuns]:
        runs = CassandraRuns(session_elsewhere)
        yield runs
        await runs.close()

    @pytest.fixture
    def mailboxes(self, store: EmbeddedStore, runs: CassandraRuns) -> AskingMailboxes:
        entries = Entries()
        entries.register(RUN, runs.is_over)
        return AskingMailboxes(store.mailboxes, entries)

    @pytest.fixture
    def patience(self) -> float:
        return 0.5

    @pytest.fixture
    def remembered_effects(self) -> RememberedEffects:
        async def none_that_does_not_expire() -> int:
            return 0

        return none_that_does_not_expire

    async def test_a_run_of_a_process_that_died_is_taken_up_after_its_lease(
        self, session: CassandraSession, session_elsewhere: CassandraSession
    ) -> None:
        dead, other = CassandraRuns(session, lease_seconds=1), CassandraRuns(session_elsewhere)
        entry = await dead.entry(MARK)
        await dead.close()
        assert await asyncio.wait_for(other.entry(MARK), 60) == entry
        await other.close()

    async def test_a_lease_is_renewed_while_the_run_goes_on(
        self, session: CassandraSession, session_elsewhere: CassandraSession, eventually: Eventually
    ) -> None:
        slow, other = CassandraRuns(session, lease_seconds=20, renew_seconds=0.01), CassandraRuns(session_elsewhere)
        entry = await slow.entry(MARK)
        sent = session.requests

        async def was_renewed() -> bool:
            return session.requests >= sent + 3

        await eventually(was_renewed)
        waiting = asyncio.ensure_future(other.entry(MARK))
        await slow.finish(entry)
        assert await asyncio.wait_for(waiting, 60) != entry
        for runs in (slow, other):
            await runs.close()


class TestCassandraDeadLetters(DeadLettersContract):
    @pytest.fixture
    def letters(self, session: CassandraSession) -> DeadLetters:
        return CassandraDeadLetters(session)

    @pytest.fixture
    def letters_elsewhere(self, session_elsewhere: CassandraSession) -> DeadLetters:
        return CassandraDeadLetters(session_elsewhere)


class TestHeadsUsage(UsageContract):
    @pytest.fixture
    async def mailboxes(self, session: FaultySession) -> AsyncIterator[MailboxStore]:
        store = a_store(session, Bodies(), Mode())
        yield store
        await store.close()

    @pytest.fixture
    def usage(self, mailboxes: MailboxStore) -> UsageStore:
        return HeadsUsage(mailboxes)

    @pytest.fixture
    async def usage_elsewhere(self, session_elsewhere: CassandraSession) -> AsyncIterator[UsageStore]:
        store = a_store(session_elsewhere, Bodies(), Mode())
        yield HeadsUsage(store)
        await store.close()
