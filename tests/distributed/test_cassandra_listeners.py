"""Listener groups on Cassandra keep to the contracts."""

from collections.abc import AsyncIterator

import pytest

from compostela.adapters.cassandra.listener_groups import ListenerGroups
from compostela.adapters.cassandra.mailbox_removal import HELD_SECONDS
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.errors import TemporaryFailure
from compostela.core.events.model import LOG_END, Group, Pending
from compostela.core.events.ports import CursorStore, EventSource
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import ModSeq, Uid
from tests.contracts.distance import SKEW_SECONDS, Eventually
from tests.contracts.listeners import Collect, CursorsContract, EventSourceContract, G, H, head_of, logs_of, pass_all
from tests.contracts.mailbox_parts import a_mailbox, fill, message, uids
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store, bodies, collect_all
from tests.distributed.conftest import STALE_SECONDS

__all__ = ["bodies"]

LONG_SECONDS = 600
"""No test takes as long: a lease ends only where its end is what is tested."""


@pytest.fixture
async def mailboxes(session: FaultySession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    store = a_store(session, bodies, Mode(), groups=ListenerGroups(session, STALE_SECONDS, LONG_SECONDS))
    yield store
    await store.close()


@pytest.fixture
async def mailboxes_elsewhere(session_elsewhere: CassandraSession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    groups = ListenerGroups(session_elsewhere, STALE_SECONDS, LONG_SECONDS)
    store = a_store(session_elsewhere, bodies, Mode(), SKEW_SECONDS, groups=groups)
    yield store
    await store.close()


@pytest.fixture
def cursors(mailboxes: CassandraMailboxes) -> CursorStore:
    assert mailboxes.cursors is not None
    return mailboxes.cursors


@pytest.fixture
def cursors_elsewhere(mailboxes_elsewhere: CassandraMailboxes) -> CursorStore:
    assert mailboxes_elsewhere.cursors is not None
    return mailboxes_elsewhere.cursors


@pytest.fixture
def source(mailboxes: CassandraMailboxes) -> EventSource:
    return mailboxes.source


@pytest.fixture
def source_elsewhere(mailboxes_elsewhere: CassandraMailboxes) -> EventSource:
    return mailboxes_elsewhere.source


@pytest.fixture
def collect(mailboxes: CassandraMailboxes) -> Collect:
    return lambda: collect_all(mailboxes)


class TestCassandraCursors(CursorsContract):
    pass


class TestCassandraEventSource(EventSourceContract):
    async def test_content_goes_at_once_when_no_group_needs_it(
        self, source: EventSource, mailboxes: MailboxStore, cursors: CursorStore
    ) -> None:
        """Here with the next collection."""
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(H))
        (placed,) = await fill(mailboxes, mailbox, NO_FLAGS)
        await mailboxes.remove(mailbox, uids(1))
        assert isinstance(mailboxes, CassandraMailboxes)
        await collect_all(mailboxes)
        assert await source.content(placed.message_id) is None


async def test_changes_of_a_node_that_does_not_know_a_new_group_are_told(
    mailboxes: CassandraMailboxes,
    cursors: CursorStore,
    session_elsewhere: CassandraSession,
    bodies: Bodies,
    eventually: Eventually,
) -> None:
    groups = ListenerGroups(session_elsewhere, stale_seconds=3600.0)
    unaware = a_store(session_elsewhere, bodies, Mode(), groups=groups)
    assert await groups.known() == ()
    mailbox = await a_mailbox(mailboxes)
    await cursors.register(Group(G))
    await pass_all(cursors, G)
    (appended,) = await unaware.append(mailbox, [message()])
    made = await a_mailbox(unaware, "made")

    async def is_told() -> bool:
        return await logs_of(cursors, G) == {mailbox: appended.modseq - 1, made: None}

    await eventually(is_told)
    await unaware.close()


async def test_a_group_whose_first_node_died_gets_its_logs_from_the_next(
    session: FaultySession, mailboxes: CassandraMailboxes, cursors: CursorStore, cursors_elsewhere: CursorStore
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await ListenerGroups(session).put(Group(G))
    assert await cursors.pending(G) == []
    await cursors_elsewhere.register(Group(G))
    assert await logs_of(cursors, G) == {mailbox: None}


async def test_a_note_of_a_change_that_was_not_published_is_passed_over(
    session: FaultySession, mailboxes: CassandraMailboxes, cursors: CursorStore
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await cursors.register(Group(G))
    await pass_all(cursors, G)
    assert mailboxes._publishers.news is not None
    await mailboxes._publishers.news.mailbox_changes(mailbox, 7)
    assert await cursors.pending(G) == []
    (appended,) = await fill(mailboxes, mailbox, NO_FLAGS)
    assert await logs_of(cursors, G) == {mailbox: appended.modseq - 1}


async def test_a_deleted_mailbox_is_held_for_seven_days_at_most(
    session_elsewhere: CassandraSession, bodies: Bodies, mailboxes: CassandraMailboxes, cursors: CursorStore
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await cursors.register(Group(G, needs_content=True))
    await pass_all(cursors, G)
    since = await head_of(mailboxes, mailbox)
    (appended,) = await fill(mailboxes, mailbox, NO_FLAGS)
    await mailboxes.delete(mailbox)
    groups = ListenerGroups(session_elsewhere, STALE_SECONDS, LONG_SECONDS)
    later = a_store(session_elsewhere, bodies, Mode(), HELD_SECONDS + SKEW_SECONDS, groups=groups)
    await collect_all(later)
    assert await cursors.pending(G) == [Pending(mailbox, since, LOG_END)], "it is still told"
    found = await mailboxes.source.read(mailbox, since)
    assert found is not None
    assert (found.is_deleted, found.page.complete) == (True, False)
    assert [batch async for batch in mailboxes.source.rows(mailbox, Uid(9))] == []
    assert await mailboxes.source.content(appended.message_id) is None
    assert await cursors.save(G, {mailbox: LOG_END})
    await collect_all(later)
    assert await mailboxes.source.read(mailbox, since) is None
    await later.close()


async def test_a_mailbox_that_a_node_with_an_old_state_deletes_is_held_whole(
    mailboxes: CassandraMailboxes, mailboxes_elsewhere: CassandraMailboxes, cursors: CursorStore
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await cursors.register(Group(G))
    await fill(mailboxes_elsewhere, mailbox, NO_FLAGS)
    await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
    await mailboxes_elsewhere.delete(mailbox)
    found = await mailboxes.source.read(mailbox, ModSeq(0))
    assert found is not None
    assert (found.is_deleted, len(found.page.entries), found.page.head.messages) == (True, 3, 3)
    assert [row.uid async for batch in mailboxes.source.rows(mailbox, Uid(9)) for row in batch] == [1, 2, 3]


async def test_a_deletion_that_was_cut_off_is_told(
    mailboxes: CassandraMailboxes,
    mailboxes_elsewhere: CassandraMailboxes,
    cursors: CursorStore,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Eventually,
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await cursors.register(Group(G))

    async def die(*_: object) -> None:
        raise TemporaryFailure("the node dies")

    monkeypatch.setattr(mailboxes_elsewhere._removal, "bury", die)
    await mailboxes_elsewhere.delete(mailbox)

    async def is_told() -> bool:
        try:
            found = await mailboxes.source.read(mailbox, ModSeq(0))
        except TemporaryFailure:
            return False
        return found is not None and found.is_deleted

    await eventually(is_told)


async def test_the_groups_of_a_dead_node_are_taken_over(
    session: FaultySession, session_elsewhere: CassandraSession, eventually: Eventually
) -> None:
    dead = ListenerGroups(session, lease_seconds=1)
    other = ListenerGroups(session_elsewhere, lease_seconds=LONG_SECONDS)
    await dead.put(Group(G))
    assert await dead.acquire(G)
    await eventually(lambda: other.acquire(G))
    assert not await dead.acquire(G)
    assert await dead.owned(G) is None
    await dead.release(G)
    assert await other.owned(G) is not None
