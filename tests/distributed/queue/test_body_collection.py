"""Bodies in S3 and the rows in Cassandra that refer to them: what a collection leaves."""

import os
from collections.abc import AsyncIterator

import pytest

from compostela.adapters.cassandra.blob_references import BlobReferences
from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.repositories import CassandraRepositories
from compostela.adapters.s3.garbage import S3Garbage
from compostela.adapters.s3.settings import BlobSettings
from compostela.core.mailbox.model import NewMessage
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from tests.contracts.effects import ERROR
from tests.contracts.mailbox_parts import DATE, HEADER, a_mailbox, message, octets_of, uids
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store, collect_all
from tests.distributed.queue.kit import QueueNode

LARGE = 20_000
FILTER_BITS = 1 << 16


@pytest.fixture
async def mailboxes(session: FaultySession, node: QueueNode) -> AsyncIterator[CassandraMailboxes]:
    store = a_store(session, node.bodies, Mode())
    yield store
    await store.close()


async def collect_bodies(garbage: S3Garbage) -> int:
    removed, position = 0, None
    while True:
        part = await garbage.collect(position, 2)
        removed, position = removed + part.removed, part.position
        if position is None:
            return removed


async def test_bodies_stay_while_a_row_refers_to_them(
    session: FaultySession,
    node: QueueNode,
    mailboxes: CassandraMailboxes,
    clock: FakeClock,
    blob_settings: BlobSettings,
) -> None:
    garbage = S3Garbage(node.bodies, [BlobReferences(session).all], FILTER_BITS)
    repositories = CassandraRepositories(session, node.bodies, Entries().is_over, clock)
    repository, spool = await repositories.select(ERROR), node.queues.queue("spool")
    mailbox = await a_mailbox(mailboxes)
    in_mailbox, expunged, queued, set_aside = (os.urandom(LARGE) for _ in range(4))
    await mailboxes.append(mailbox, [message(in_mailbox), message(expunged), message(b"small")])
    await spool.enqueue(a_mail("queued", body=queued))
    await repository.store(a_mail("aside", body=set_aside))
    clock.advance(2 * blob_settings.generation_seconds)
    assert await collect_bodies(garbage) == 0
    await mailboxes.remove(mailbox, uids(2))
    assert await collect_bodies(garbage) == 0, "its content is still there"
    assert await collect_all(mailboxes) == 1
    assert await collect_bodies(garbage) == 1
    assert await octets_of(mailboxes, mailbox, 1) == HEADER + in_mailbox
    item = await spool.dequeue()
    assert await item.mail.content.body.read() == queued
    stored = await repository.retrieve("aside")
    assert stored is not None
    assert await stored.content.body.read() == set_aside
    (moved,) = await mailboxes.append(mailbox, [NewMessage(item.mail.content, b"", DATE)])
    await item.done()
    assert await repository.remove("aside")
    assert await collect_bodies(garbage) == 2
    assert (await octets_of(mailboxes, mailbox, moved.uid)).endswith(queued), "it was copied to the present generation"
