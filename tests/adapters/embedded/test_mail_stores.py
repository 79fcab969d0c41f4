"""The embedded queues and repositories keep to the contracts."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepositoryStore
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests import databases
from tests.adapters.embedded.distance import (
    clock,
    elsewhere,
    eventually,
    faulty,
    held_store,
    held_writer,
    patience,
    settled,
    store,
)
from tests.contracts.mail_queue import MailQueueContract
from tests.contracts.mail_repository import MailRepositoryContract
from tests.contracts.queue_rule import QueueRuleContract
from tests.contracts.queue_sharing import QueueSharingContract

__all__ = ["clock", "elsewhere", "eventually", "faulty", "held_store", "held_writer", "patience", "settled", "store"]


class TestEmbeddedQueue(MailQueueContract):
    @pytest.fixture
    def queues(self, store: EmbeddedStore) -> MailQueues:
        return store.queues

    @pytest.fixture
    def queues_elsewhere(self, elsewhere: EmbeddedStore) -> MailQueues:
        return elsewhere.queues

    @pytest.fixture
    def failing_store(self, tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
        @contextmanager
        def failing() -> Iterator[None]:
            database = databases.opened(tmp_path)
            database.set_busy_timeout(10_000)
            database.execute("ALTER TABLE queue_entry RENAME TO away")
            try:
                yield
            finally:
                database.execute("ALTER TABLE away RENAME TO queue_entry")
                database.close()

        return failing


class TestEmbeddedQueueSharing(QueueSharingContract):
    queues = TestEmbeddedQueue.queues
    queues_elsewhere = TestEmbeddedQueue.queues_elsewhere


class TestEmbeddedQueueRule(QueueRuleContract):
    queues = TestEmbeddedQueue.queues
    queues_elsewhere = TestEmbeddedQueue.queues_elsewhere


class TestEmbeddedRepositories(MailRepositoryContract):
    @pytest.fixture
    def repositories(self, store: EmbeddedStore) -> MailRepositoryStore:
        return store.repositories

    @pytest.fixture
    def repositories_elsewhere(self, elsewhere: EmbeddedStore) -> MailRepositoryStore:
        return elsewhere.repositories


@pytest.mark.parametrize("damage", ["mail = x'00'", "body = 12345", "header = x'ff', coding = 1"])
async def test_a_damaged_entry_kills_no_consumer(
    store: EmbeddedStore, tmp_path: Path, clock: FakeClock, damage: str
) -> None:
    queue = store.queues.queue("spool")
    await queue.enqueue(a_mail("damaged"), delay_seconds=60)
    await queue.enqueue(a_mail("whole"), delay_seconds=61)
    database = databases.opened(tmp_path)
    database.execute(f"UPDATE queue_entry SET {damage} WHERE name = 'damaged'")
    database.close()
    clock.advance(62)
    assert (await queue.dequeue()).mail.name == "whole"
    assert await queue.size() == 2, "the damaged entry stays in the queue"


async def test_hints_pass_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    """The address of a socket holds some hundred octets only."""
    folder = tmp_path / ("x" * 120)
    owner, other = await EmbeddedStore.open(folder), await EmbeddedStore.open(folder)
    await owner.queues.queue("spool").enqueue(a_mail(), delay_seconds=3600)
    waiting = asyncio.ensure_future(owner.queues.queue("spool").dequeue())
    await other.queues.queue("spool").flush()
    await (await asyncio.wait_for(waiting, 20)).done()
    await other.close()
    await owner.close()
