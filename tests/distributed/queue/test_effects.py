"""The keys of effects in the stores of a cluster keep to the contract."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.repositories import STORED, CassandraRepositories
from compostela.adapters.s3.settings import BlobSettings
from compostela.core.blob.ports import BlobStore
from compostela.core.mailbox.ports import MailboxStore
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from compostela.testing.clock import FakeClock
from tests.contracts.effects import EffectsContract, RememberedEffects
from tests.contracts.mailbox_messages import StoredOctets
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Gate, HeldSession, Mode, a_store, held_writer
from tests.distributed.queue.kit import QueueNode
from tests.distributed.s3.seaweed import octets_in

__all__ = ["held_writer"]

REMEMBERED = (
    "SELECT mailbox FROM mailbox_log WHERE kind = 1 ALLOW FILTERING",
    "SELECT effect FROM repository_mail",
    "SELECT entry FROM queue_entry WHERE revision = -1 ALLOW FILTERING",
)


class TestClusterEffects(EffectsContract):
    @pytest.fixture
    def entries(self) -> Entries:
        return Entries()

    @pytest.fixture
    async def node(
        self,
        session: FaultySession,
        broker_uri: str,
        blob_settings: BlobSettings,
        tmp_path: Path,
        clock: FakeClock,
        entries: Entries,
    ) -> AsyncIterator[QueueNode]:
        node = await QueueNode.start(session, broker_uri, blob_settings, tmp_path / "here", clock, entries=entries)
        yield node
        await node.stop()

    @pytest.fixture
    async def held_queues(
        self,
        session: FaultySession,
        held_writer: Gate,
        broker_uri: str,
        blob_settings: BlobSettings,
        tmp_path: Path,
        clock: FakeClock,
    ) -> AsyncIterator[MailQueues]:
        own = await HeldSession.open(session.settings)
        own.gate = held_writer
        node = await QueueNode.start(own, broker_uri, blob_settings, tmp_path / "held", clock)
        yield node.queues
        held_writer.release()
        await node.stop()
        await own.close()

    @pytest.fixture
    def repositories(
        self, session: FaultySession, node: QueueNode, entries: Entries, clock: FakeClock
    ) -> MailRepositoryStore:
        repositories = CassandraRepositories(session, node.bodies, entries.is_over, clock)
        entries.register(STORED, repositories.is_over)
        return repositories

    @pytest.fixture
    async def mailboxes(self, session: FaultySession, node: QueueNode, entries: Entries) -> AsyncIterator[MailboxStore]:
        store = a_store(session, node.bodies, Mode(), is_over=entries.is_over)
        yield store
        await store.close()

    @pytest.fixture
    def blobs(self, node: QueueNode) -> BlobStore:
        return node.bodies

    @pytest.fixture
    def stored_octets(self, blob_settings: BlobSettings) -> StoredOctets:
        async def count() -> int:
            return octets_in(blob_settings.bucket)

        return count

    @pytest.fixture
    def remembered_effects(self, session: FaultySession) -> RememberedEffects:
        async def count() -> int:
            found = [row for query in REMEMBERED for row in await session.rows(query)]
            return len([row for row in found if row[-1] is not None])

        return count
