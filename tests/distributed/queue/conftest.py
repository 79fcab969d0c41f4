"""Two nodes with queues, on a keyspace, a virtual host and a bucket of the worker."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from compostela.adapters.cassandra.session import CassandraSession, Request
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.errors import TemporaryFailure
from compostela.core.queue.ports import MailQueues
from compostela.testing.clock import FakeClock
from tests.contracts.distance import SKEW_SECONDS, Settled
from tests.distributed.cassandra_faults import FaultySession, Send
from tests.distributed.queue.kit import QueueNode
from tests.distributed.queue.rabbit import make_vhost, remove_vhost, uri
from tests.distributed.s3.conftest import blob_settings

__all__ = ["blob_settings"]

PATIENCE_SECONDS = 0.5
_CHECKOUT = hashlib.sha256(str(Path(__file__).parent).encode()).hexdigest()[:6]


class SkewedClock:
    """The clock of a node that is ahead."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now() + SKEW_SECONDS

    def monotonic(self) -> float:
        return self._clock.monotonic()


@pytest.fixture
def patience() -> float:
    return PATIENCE_SECONDS


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def broker_uri(worker_id: str) -> Iterator[str]:
    vhost = f"test-{_CHECKOUT}-{worker_id}"
    make_vhost(vhost)
    yield uri(vhost)
    remove_vhost(vhost)


@pytest.fixture
async def node(
    session: FaultySession, broker_uri: str, blob_settings: BlobSettings, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[QueueNode]:
    node = await QueueNode.start(session, broker_uri, blob_settings, tmp_path / "here", clock)
    yield node
    await node.stop()


@pytest.fixture
async def node_elsewhere(
    node: QueueNode,
    session_elsewhere: CassandraSession,
    broker_uri: str,
    blob_settings: BlobSettings,
    tmp_path: Path,
    clock: FakeClock,
) -> AsyncIterator[QueueNode]:
    other = await QueueNode.start(session_elsewhere, broker_uri, blob_settings, tmp_path / "there", SkewedClock(clock))
    yield other
    await other.stop()


@pytest.fixture
def queues(node: QueueNode) -> MailQueues:
    return node.queues


@pytest.fixture
def queues_elsewhere(node_elsewhere: QueueNode) -> MailQueues:
    return node_elsewhere.queues


@pytest.fixture
def settled(node: QueueNode) -> Settled:
    return node.settled


@pytest.fixture
def failing_store(session: FaultySession) -> Callable[[], AbstractContextManager[None]]:
    """Requests for the rows of entries fail, reads too."""

    @contextmanager
    def failing() -> Iterator[None]:
        send: Send = session.send

        async def refuse(request: Request) -> Any:
            await asyncio.sleep(0)
            if any("queue_entry" in statement.text for statement in request.statements):
                raise TemporaryFailure("the rows of entries are away")
            return await send(request)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(session, "send", refuse)
            yield

    return failing
