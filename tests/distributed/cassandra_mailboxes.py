"""Mailbox stores of several nodes on Cassandra, as fixtures. A test module imports them by name."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from compostela.adapters.cassandra.effects import Entries, IsOver
from compostela.adapters.cassandra.errors import OutcomeUnknown
from compostela.adapters.cassandra.listener_groups import ListenerGroups
from compostela.adapters.cassandra.mailbox_contents import SmallBodies
from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.message_garbage import GarbageSettings
from compostela.adapters.cassandra.session import CassandraSession, Request
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.base.errors import TemporaryFailure
from compostela.core.blob.bodies import BodyStore
from compostela.core.mailbox.ports import MailboxStore
from compostela.testing.clock import FakeClock
from tests.contracts.distance import SKEW_SECONDS, Faulty
from tests.contracts.mailbox_messages import StoredOctets
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import CassandraFaults, FaultySession, NotingSession, Send

__all__ = [
    "bodies",
    "faulty",
    "held_mailboxes",
    "held_writer",
    "mailboxes",
    "mailboxes_elsewhere",
    "mode",
    "stored_octets",
]

LOOK_SECONDS = 0.2
SETTLE_SECONDS = 1.0
AT_ONCE = GarbageSettings(defer_seconds=0.0)
_WRITES = {
    "append",
    "copy",
    "create",
    "delete",
    "expunge",
    "move",
    "open",
    "remove",
    "rename",
    "store_flags",
    "subscribe",
    "take_recent",
    "unsubscribe",
}


@dataclass(frozen=True)
class Mode:
    """How the stores of a test work."""

    projection: ProjectionSettings = field(default_factory=ProjectionSettings)
    keeps_states: bool = True
    fault_rate: float = 0.0
    small_bodies: SmallBodies = field(default_factory=SmallBodies)


@pytest.fixture
def mode() -> Mode:
    return Mode()


@pytest.fixture
def bodies() -> Bodies:
    return Bodies()


@pytest.fixture
def stored_octets(bodies: Bodies) -> StoredOctets:
    async def count() -> int:
        return sum(len(data) for data in bodies.kept.values())

    return count


class PublishFaults(CassandraFaults):
    """A call is several writes, of which the last publishes: its answer is the one that is lost."""

    @contextmanager
    def drops_answers(self) -> Iterator[None]:
        async def drop(request: Request, send: Send) -> Any:
            result = await send(request)
            if not publishes(request):
                return result
            raise OutcomeUnknown("the answer is lost")

        with self._instead(drop):
            yield


def publishes(request: Request) -> bool:
    return request.is_write and any(" IF " in statement.text for statement in request.statements)


@pytest.fixture
def faulty(session: FaultySession) -> Faulty:
    session.faults = PublishFaults()
    return session.faults


class UnsteadySession(FaultySession):
    """Of its writes a part is never sent, a part is answered by nothing, and a part is late."""

    rate = 0.0
    chance = random.Random(20_300)

    async def send(self, request: Request) -> Any:
        if not request.is_write or self.chance.random() >= self.rate:
            return await super().send(request)
        match self.chance.randint(0, 2):
            case 0:
                raise TemporaryFailure("not sent")
            case 1:
                await super().send(request)
            case 2:
                late = asyncio.create_task(self._late(request, self.chance.uniform(0, 0.3)))
                self.late.add(late)
                late.add_done_callback(self.late.discard)
        raise OutcomeUnknown("the answer is lost")

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.late: set[asyncio.Task[None]] = set()

    async def _late(self, request: Request, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await super().send(request)

    async def close(self) -> None:
        self.rate = 0.0
        await asyncio.gather(*self.late, return_exceptions=True)
        await super().close()


async def a_session(settings: CassandraSettings, mode: Mode) -> FaultySession:
    session = await UnsteadySession.open(settings)
    session.rate = mode.fault_rate
    return session


def a_store(
    session: CassandraSession,
    bodies: BodyStore,
    mode: Mode,
    skew: float = 0.0,
    is_over: IsOver | None = None,
    groups: ListenerGroups | None = None,
    garbage: GarbageSettings = AT_ONCE,
) -> CassandraMailboxes:
    return CassandraMailboxes(
        session,
        bodies,
        FakeClock(FakeClock().now() + skew),
        mode.projection,
        is_over=Entries().is_over if is_over is None else is_over,
        look_seconds=LOOK_SECONDS,
        keeps_states=mode.keeps_states,
        groups=groups,
        settle_seconds=SETTLE_SECONDS,
        garbage=garbage,
        small_bodies=mode.small_bodies,
    )


@pytest.fixture
async def mailboxes(session: FaultySession, bodies: Bodies, mode: Mode) -> AsyncIterator[CassandraMailboxes]:
    """On the session of the fixture `faulty`, unless faults are strewn."""
    own = await a_session(session.settings, mode) if mode.fault_rate else session
    store = a_store(own, bodies, mode)
    yield store
    await store.close()
    if own is not session:
        await own.close()


@pytest.fixture
async def mailboxes_elsewhere(session: FaultySession, bodies: Bodies, mode: Mode) -> AsyncIterator[CassandraMailboxes]:
    own = await a_session(session.settings, mode)
    store = a_store(own, bodies, mode, SKEW_SECONDS)
    yield store
    await store.close()
    await own.close()


async def collect_all(store: CassandraMailboxes, limit: int = 3) -> int:
    """A whole collection in small parts; how many contents went."""
    removed, position = 0, None
    while True:
        part = await store.garbage.collect(position, limit)
        removed, position = removed + part.removed, part.position
        if position is None:
            return removed


class Gate:
    """Holds what publishes: conditional writes, and calls that turn out to have nothing to publish."""

    def __init__(self) -> None:
        self._is_held = False
        self._go = asyncio.Event()
        self._reached = asyncio.Event()
        self._is_dead = False
        self.passed = 0

    def hold(self) -> None:
        self._is_held = True
        self._go.clear()
        self._reached.clear()

    async def reached(self) -> None:
        await self._reached.wait()

    def release(self) -> None:
        self._is_held = False
        self._go.set()

    def kill(self) -> None:
        self._is_dead = True
        self.release()

    async def enter(self) -> None:
        self.passed += 1
        if self._is_held:
            self._reached.set()
            await self._go.wait()
        if self._is_dead:
            raise TemporaryFailure("the writer is dead")


class HeldSession(NotingSession):
    gate = Gate()

    async def send(self, request: Request) -> Any:
        if publishes(request):
            await self.gate.enter()
        return await super().send(request)


class HeldMailboxes:
    """A store whose calls that write pass the gate at least once."""

    def __init__(self, store: CassandraMailboxes, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return self._gated(call) if name in _WRITES else call

    def _gated(self, call: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def gated(*parts: object, **named: object) -> object:
            before = self._gate.passed
            result = await call(*parts, **named)
            if self._gate.passed == before:
                await self._gate.enter()
            return result

        return gated


@pytest.fixture
def held_writer() -> Gate:
    return Gate()


@pytest.fixture
async def held_mailboxes(
    session: FaultySession, bodies: Bodies, mode: Mode, held_writer: Gate
) -> AsyncIterator[MailboxStore]:
    own = await HeldSession.open(session.settings)
    own.gate = held_writer
    store = a_store(own, bodies, mode)
    yield cast("MailboxStore", HeldMailboxes(store, held_writer))
    held_writer.release()
    await store.close()
    await own.close()
