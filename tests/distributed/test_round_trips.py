"""How often the engines are asked for what a client waits for, and how many of these calls go one after the other.

The bounds are those of docs/decisions/0012 and 0013, which compare them with the proposal that the design began with. They do not
depend on how fast the machine is.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.app.configuration.folder import load
from compostela.app.editions.engine_stores import stores_of
from compostela.app.server.services import Services, make_services
from compostela.app.stores import Stores
from compostela.base.clock import SystemClock
from compostela.base.concurrency import side_by_side
from compostela.base.settings import Problems
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.blob.read_ahead import AHEAD, ReadAhead
from compostela.core.idempotency import Effect
from compostela.core.mailbox.actor import Actor
from compostela.core.mailbox.model import Mailbox, NewMessage
from compostela.core.mailbox.session import MailboxSession
from compostela.model.domain import Domain
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.mail_address import MailAddress
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import EffectKey, Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from compostela.testing.mails import a_mail
from compostela.testing.waiting import eventually
from tests.distributed.cassandra_faults import FaultySession, NotingSession
from tests.distributed.nodes import EngineFiles, blob_settings, broker_uri, engine_files, redis_server
from tests.distributed.round_trips import Trips, counted_drivers, counting

__all__ = ["blob_settings", "broker_uri", "counted_drivers", "engine_files", "redis_server"]

DOMAIN = Domain("example.org")
BOB = Username("bob@example.org")
INBOX = MailboxPath.inbox(BOB)
MESSAGES = 10_000
LARGE_BODIES = 12
BODY = b"x" * 4000
HEADER = b"Subject: Hello\r\n\r\n"
FLAGGED = Flags.of(SystemFlag.FLAGGED)
DELETED = Flags.of(SystemFlag.DELETED)


class Node:
    """The stores and services of one process, which remembers nothing at first."""

    def __init__(self, stores: Stores, services: Services) -> None:
        self.stores = stores
        self.services = services

    def session(self, user: Username = BOB) -> MailboxSession:
        return self.services.mailboxes.session(Actor.of(user))

    async def inbox(self, user: Username = BOB) -> Mailbox:
        return await self.session(user).find(MailboxPath.inbox(user))


StartNode = Callable[[], Awaitable[Node]]


@pytest.fixture
async def start(
    session: FaultySession,
    cassandra_settings: CassandraSettings,
    engine_files: EngineFiles,
    tmp_path: Path,
    counted_drivers: None,
) -> AsyncIterator[StartNode]:
    conf = tmp_path / "conf"
    conf.mkdir()
    for name, text in engine_files.items():
        (conf / name).write_text(text)
    configuration = load(conf, tmp_path, Problems())
    engines = configuration.engines
    assert engines is not None

    async with AsyncExitStack() as stack:

        async def start() -> Node:
            arriving = tmp_path / f"arriving-{id(stack)}"
            stores = stores_of(await NotingSession.open(cassandra_settings), arriving, engines, 0.0, lambda: None)
            stack.push_async_callback(stores.close)
            services = make_services(configuration, stores, SystemClock())
            stack.callback(services.users.close)

            async def reaches_all_engines() -> bool | None:
                return not any([await check.probe() for check in stores.checks]) or None

            await eventually(reaches_all_engines)
            return Node(stores, services)

        yield start


def content(body: bytes = BODY) -> MessageContent:
    return MessageContent(HEADER, MemoryBody(body))


async def fill(node: Node) -> None:
    """INBOX with many messages, all of which pages show, and none recent."""
    mailbox = await node.inbox()
    for _ in range(MESSAGES // 1000):
        await node.stores.mailboxes.append(mailbox.id, [NewMessage(content(b"small"), b"", 0, Flags())] * 1000)
    await node.stores.mailboxes.take_recent(mailbox.id)
    assert isinstance(node.stores.mailboxes, CassandraMailboxes)
    await node.stores.mailboxes.project(mailbox.id)


def within(trips: Trips, count: int, depth: int) -> None:
    assert trips.count <= count, trips.calls
    assert trips.depth <= depth, trips.calls


async def test_a_recipient_costs_one_step_and_nothing_once_it_is_known(start: StartNode) -> None:
    node = await start()
    await node.stores.domains.add(DOMAIN)
    await node.services.users.add(BOB, "secret")
    other, address = await start(), MailAddress.parse("bob@example.org")

    async def look_up() -> Trips:
        with counting() as trips:
            assert await other.services.domains.contains(DOMAIN)
            assert await other.services.users.user_for(address) == BOB
            assert not await other.services.rewriting.is_mapped(address)
        return trips

    within(await look_up(), 4, 4)
    within(await look_up(), 0, 0)


async def test_accepting_a_mail(start: StartNode) -> None:
    node = await start()
    queue = node.stores.queues.queue("spool")
    await queue.enqueue(a_mail("first", body=BODY))
    for body, count in ((BODY, 4), (b"x" * 20_000, 5)):
        with counting() as trips:
            await queue.enqueue(a_mail("next", body=body))
        within(trips, count, 2 if body is BODY else 3)


@pytest.mark.parametrize("recipients", [1, 100])
async def test_delivering_a_mail(start: StartNode, recipients: int) -> None:
    node, other = await start(), await start()
    users = [Username(f"u{number}@example.org") for number in range(recipients)]
    entry = await node.stores.queues.queue("spool").enqueue(a_mail())
    keys = itertools.count()

    async def deliver(one: Node) -> list[Trips]:
        """The calls for each recipient."""
        key = next(keys)

        async def to(user: Username) -> Trips:
            with counting() as trips:
                effect = Effect(entry, EffectKey(f"{key}/{user}"))
                await one.services.mailboxes.system.deliver(user, content(), effect)
            return trips

        return await side_by_side(users, to)

    await deliver(node)  # makes the INBOXes
    for one, bound in ((node, (3, 3)), (other, (6, 6)), (other, (3, 3))):
        for trips in await deliver(one):
            within(trips, *bound)


async def test_reading_and_changing_a_large_mailbox(start: StartNode) -> None:
    await fill(await start())
    node = await start()
    for is_warm in (False, True):
        session = node.session()
        with counting() as trips:
            view, opened = await session.open(await session.find(INBOX), read_only=False)
        assert len(opened.uids) == MESSAGES
        within(trips, *((2, 2) if is_warm else (4, 3)))
        with counting() as trips:
            rows = [row async for batch in session.flags(view.mailbox) for row in batch]
        assert len(rows) == MESSAGES
        within(trips, *((1, 1) if is_warm else (3, 3)))
        with counting() as trips:
            await session.status(await session.find(INBOX))
        within(trips, 2, 2)
        with counting() as trips:
            assert view.is_fresh(SystemClock().monotonic(), may_expunge=True)
        within(trips, 0, 0)
        view.close()
    await change(await start())


async def change(node: Node) -> None:
    """Of a process that knows nothing of the mailbox at first."""
    session, mailbox = node.session(), await node.inbox()
    for is_warm in (False, True):
        uid = UidSet.of([Uid(7 + is_warm)])
        with counting() as trips:
            await session.store_flags(mailbox, uid, FlagsMode.ADD, FLAGGED)
        within(trips, *((1, 1) if is_warm else (4, 4)))
        await session.store_flags(mailbox, uid, FlagsMode.ADD, DELETED)
        with counting() as trips:
            assert await session.expunge(mailbox) == uid
        within(trips, *((1, 1) if is_warm else (2, 2)))
        with counting() as trips:
            await session.append(mailbox, content())
        within(trips, 2, 2)


async def test_large_bodies_cost_one_call_each_and_are_read_before_their_turn(start: StartNode) -> None:
    node = await start()
    mailbox = await node.inbox()
    for number in range(LARGE_BODIES):
        await node.session().append(mailbox, content(b"%d" % number * 20_000))
    session = (await start()).session()
    with counting() as trips:
        messages = await session.messages(mailbox, [Uid(number + 1) for number in range(LARGE_BODIES)])
        async with ReadAhead({uid: message.content.body for uid, message in messages.items()}) as ahead:
            for uid in messages:
                body = await ahead.opened(uid)
                assert len(await body.read()) == body.size >= 20_000
    assert trips.of("s3") == LARGE_BODIES
    calls = sorted(began for engine, began, _ in trips.waited_for if engine == "s3")
    first_answer = min(ended for engine, _, ended in trips.waited_for if engine == "s3")
    assert sum(began <= first_answer for began in calls) >= AHEAD


async def test_idle_costs_two_reads_of_each_session(start: StartNode) -> None:
    node, other = await start(), await start()
    mailbox = await node.inbox()
    session = other.session()
    views = [(await session.open(mailbox, read_only=True))[0] for _ in range(3)]
    woken = asyncio.Event()
    views[0].on_hint(woken.set)
    with counting() as trips:
        await node.session().append(mailbox, content())
    within(trips, 3, 2)
    async with asyncio.timeout(60):
        await woken.wait()
    with counting() as trips:
        found = [await view.update(may_expunge=True) for view in views]
    assert [one.exists for one in found] == [1, 1, 1]
    within(trips, 2 * len(views), 2 * len(views))
    for view in views:
        view.close()
