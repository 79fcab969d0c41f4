"""The broker hands a process so many messages at once: what is old among them takes up no place."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from compostela.adapters.s3.settings import BlobSettings
from compostela.testing.clock import FakeClock
from compostela.testing.mails import a_mail
from compostela.testing.waiting import eventually
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.queue.kit import SECONDS, SETTINGS, QueueNode

PLACES = 2


@pytest.fixture
async def node(
    session: FaultySession, broker_uri: str, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[QueueNode]:
    settings = replace(SETTINGS, prefetch=PLACES, lend_seconds=SECONDS)
    node = await QueueNode.start(session, broker_uri, blob_settings, tmp_path / "here", clock, settings)
    yield node
    await node.stop()


async def test_a_message_that_a_later_one_makes_old_gives_its_place_back(
    node: QueueNode, node_elsewhere: QueueNode
) -> None:
    queue, elsewhere = (one.queues.queue("spool") for one in (node, node_elsewhere))
    queue.consume()
    await queue.enqueue(a_mail("first"))
    await has_at_hand(node, 1)
    assert (await elsewhere.hold(), await elsewhere.release()) == (1, 1)
    await node.settled()
    item = await asyncio.wait_for(queue.dequeue(), SECONDS)
    await queue.enqueue(a_mail("second"))
    await has_at_hand(node, 1)
    await item.done()
    item = await asyncio.wait_for(queue.dequeue(), SECONDS)
    assert item.mail.name == "second"
    await item.done()


async def has_at_hand(node: QueueNode, count: int) -> None:
    async def are_there() -> bool | None:
        return node.queues.queue("spool").at_hand == count or None

    await eventually(are_there)
