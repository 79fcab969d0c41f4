"""Listener groups on Cassandra keep to the contracts."""

from collections.abc import AsyncIterator

import pytest

from compostela.adapters.cassandra.listener_groups import ListenerGroups
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.events.model import Group
from compostela.core.events.ports import CursorStore, EventSource
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS
from tests.contracts.distance import SKEW_SECONDS
from tests.contracts.listeners import Collect, CursorsContract, EventSourceContract, H
from tests.contracts.mailbox_parts import a_mailbox, fill, uids
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store, bodies, collect_all
from tests.distributed.conftest import STALE_SECONDS

__all__ = ["bodies"]


@pytest.fixture
async def mailboxes(session: FaultySession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    store = a_store(session, bodies, Mode(), groups=ListenerGroups(session, STALE_SECONDS))
    yield store
    await store.close()


@pytest.fixture
async def mailboxes_elsewhere(session_elsewhere: CassandraSession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    groups = ListenerGroups(session_elsewhere, STALE_SECONDS)
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
