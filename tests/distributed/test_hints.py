"""Hints between nodes: a change on one wakes a watcher on the other, and a hint that is lost is made up for."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aio_pika
import pytest

from compostela.adapters.cassandra.effects import Entries
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.rabbitmq.hints import (
    ALIVE_SECONDS,
    EXCHANGE,
    MISSED_SECONDS,
    HeardNodes,
    OutgoingHints,
    RabbitHints,
)
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.model.numbers import MailboxId, ModSeq
from compostela.testing.clock import FakeClock
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_parts import a_mailbox, message
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.queue.rabbit import make_vhost, remove_vhost, uri

PATIENCE = 60.0
NEVER_SECONDS = 100_000.0
_CHECKOUT = hashlib.sha256(str(Path(__file__).parent).encode()).hexdigest()[:6]


class Node:
    """A store whose watchers are woken by hints alone."""

    def __init__(self, session: CassandraSession, bodies: Bodies, broker: str) -> None:
        clock, self.bodies = FakeClock(), bodies
        self.clock = clock
        self.looks = asyncio.Semaphore(0)
        self.hints = RabbitHints(RabbitSettings(broker, last_pause_seconds=0.2), clock, look_within_seconds=0.01)
        self.store = CassandraMailboxes(
            session,
            bodies,
            clock,
            is_over=Entries().is_over,
            announce=self.hints.tell,
            look_seconds=NEVER_SECONDS,
        )

    async def look_again(self) -> None:
        await self.store.look_again()
        self.looks.release()

    async def looked(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.looks.acquire()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        self.hints.start(self.store.hinted, self.look_again)
        try:
            await self.looked()
            yield self
        finally:
            await self.store.close()
            await self.hints.close()


@pytest.fixture
def broker(worker_id: str) -> Iterator[str]:
    vhost = f"test-hints-{_CHECKOUT}-{worker_id}"
    make_vhost(vhost)
    yield uri(vhost)
    remove_vhost(vhost)


@pytest.fixture
async def nodes(
    session: FaultySession, session_elsewhere: CassandraSession, broker: str
) -> AsyncIterator[tuple[Node, Node]]:
    bodies = Bodies()
    async with Node(session, bodies, broker).running() as one, Node(session_elsewhere, bodies, broker).running() as two:
        yield one, two


def woken_by(store: CassandraMailboxes, mailbox: MailboxId) -> tuple[asyncio.Event, Callable[[], None]]:
    is_woken = asyncio.Event()
    return is_woken, store.watch(mailbox, is_woken.set, ModSeq(1))


async def awaited(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE):
        await event.wait()


async def test_a_change_on_one_node_wakes_a_watcher_on_the_other(nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    mailbox, other = await a_mailbox(one.store, "Work"), await a_mailbox(one.store, "Other")
    is_woken, end = woken_by(two.store, mailbox)
    other_is_woken, end_other = woken_by(two.store, other)
    await one.store.append(mailbox, [message()])
    await awaited(is_woken)
    assert (await two.store.head(mailbox)).messages == 1
    assert not other_is_woken.is_set()
    is_woken.clear()
    await one.store.delete(mailbox)
    await awaited(is_woken)
    end()
    end_other()


async def test_a_node_that_was_not_connected_looks_at_what_it_watches(
    session: FaultySession, session_elsewhere: CassandraSession, broker: str
) -> None:
    bodies = Bodies()
    away, here = Node(session_elsewhere, bodies, broker), Node(session, bodies, broker)
    async with here.running():
        mailbox = await a_mailbox(here.store, "Work")
        is_woken, end = woken_by(away.store, mailbox)
        await here.store.append(mailbox, [message()])
        async with away.running():
            await awaited(is_woken)
            end()


@pytest.mark.parametrize("body", [b"\x93\xc4\x01x\x03\x90", b"\xc1"], ids=["gap", "unreadable"])
async def test_the_loss_of_a_hint_is_noticed(
    nodes: tuple[Node, Node], session_elsewhere: CassandraSession, broker: str, body: bytes
) -> None:
    """A third node sends a first batch; the next that comes is not its second one."""
    one, two = nodes
    silent = Node(session_elsewhere, two.bodies, broker).store
    mailbox = await a_mailbox(one.store, "Work")
    async with await aio_pika.connect(broker) as connection:
        exchange = await (await connection.channel()).get_exchange(EXCHANGE)
        await exchange.publish(aio_pika.Message(b"\x93\xc4\x01x\x01\x90"), routing_key="")
        await silent.append(mailbox, [message()])
        is_woken, end = woken_by(two.store, mailbox)
        await exchange.publish(aio_pika.Message(body), routing_key="")
        await awaited(is_woken)
        end()
    await silent.close()


async def test_heads_are_read_seldom_only_while_all_nodes_are_heard_of(
    nodes: tuple[Node, Node], eventually: Eventually
) -> None:
    one, two = nodes
    assert not two.hints.come(), "it has just been connected"
    two.clock.advance(ALIVE_SECONDS)

    async def is_heard() -> bool:
        return one.hints.node in two.hints.others()

    await eventually(is_heard)
    assert two.hints.come()
    await one.hints.close()
    two.clock.advance(ALIVE_SECONDS + 1)
    assert not two.hints.come(), "it may be at work without the broker"
    two.clock.advance(MISSED_SECONDS)
    assert two.hints.come()


async def test_watchers_rest_while_hints_come(session: FaultySession, session_elsewhere: CassandraSession) -> None:
    bodies, come = Bodies(), [True]
    one, two = (
        CassandraMailboxes(
            each, bodies, FakeClock(), is_over=Entries().is_over, look_seconds=0.001, hints_come=lambda: bool(come)
        )
        for each in (session, session_elsewhere)
    )
    mailbox = await a_mailbox(one, "Work")
    is_woken, end = woken_by(two, mailbox)
    await one.append(mailbox, [message()])
    for _ in range(20):
        await two.head(mailbox)
    assert not is_woken.is_set()
    come.clear()
    await awaited(is_woken)
    end()
    for store in (one, two):
        await store.close()


async def test_hints_go_on_after_the_connection_was_lost(
    session: FaultySession, session_elsewhere: CassandraSession, broker: str
) -> None:
    bodies = Bodies()
    async with Node(session, bodies, broker).running() as one, Node(session_elsewhere, bodies, broker).running() as two:
        mailbox = await a_mailbox(one.store, "Work")
        vhost = broker.rpartition("/")[2]
        while not two.looks.locked():
            await two.looks.acquire()
        make_vhost(vhost)  # removes the old one, and with it all connections
        await two.looked()
        is_woken, end = woken_by(two.store, mailbox)
        await one.store.append(mailbox, [message()])
        await awaited(is_woken)
        end()


def test_batches_of_a_node_are_followed_by_their_numbers() -> None:
    outgoing, heard = OutgoingHints(), HeardNodes()
    first, second, third = (outgoing.take() for _ in range(3))
    assert heard.follows(first)
    assert not heard.follows(third)
    assert not heard.follows(second)
    assert not HeardNodes().follows(second), "one that was not heard of before"


async def test_of_several_hints_for_a_mailbox_the_last_goes() -> None:
    outgoing = OutgoingHints()
    outgoing.tell(MailboxId("a"), ModSeq(2))
    outgoing.tell(MailboxId("b"), ModSeq(5))
    outgoing.tell(MailboxId("a"), None)
    assert dict(outgoing.take().hints) == {"a": None, "b": 5}
    assert not outgoing.has_some.is_set()
    assert outgoing.take().hints == ()


async def test_too_many_hints_become_a_gap() -> None:
    outgoing, heard = OutgoingHints(max_waiting=2), HeardNodes()
    assert heard.follows(outgoing.take())
    for name in "abc":
        outgoing.tell(MailboxId(name), ModSeq(2))
    batch = outgoing.take()
    assert batch.hints == ()
    assert not heard.follows(batch)


def test_only_so_many_nodes_are_followed() -> None:
    heard = HeardNodes(max_nodes=1)
    one, two = OutgoingHints(), OutgoingHints()
    assert heard.follows(one.take())
    assert heard.follows(two.take())
    assert not heard.follows(one.take()), "it was forgotten"
