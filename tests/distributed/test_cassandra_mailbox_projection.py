"""What the mailbox store on Cassandra does below its ports: projection, trimming, removal, and how often it asks."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from compostela.adapters.cassandra.mailbox_projector import ProjectionSettings
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import CassandraSession, Request
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.uid_set import UidSet
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_distance import check_log
from tests.contracts.mailbox_parts import (
    BOB,
    DELETED,
    EVERYTHING,
    FLAGGED,
    SEEN,
    a_mailbox,
    effect,
    message,
    path,
    rows_of,
    uids,
)
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession, Send
from tests.distributed.cassandra_mailboxes import (
    Mode,
    a_store,
    bodies,
    mailboxes,
    mailboxes_elsewhere,
    mode,
    publishes,
)

__all__ = ["bodies", "mailboxes", "mailboxes_elsewhere", "mode"]

NEVER = ProjectionSettings(every=10**6)
AT_ONCE = ProjectionSettings(every=1, tell_after_seconds=0.0, trim_every=1)


async def rows_in(session: CassandraSession, table: str, mailbox: str) -> list[Any]:
    key = {"mailbox_log": "mailbox = ? AND kind = 0", "mailbox_page": "mailbox = ? AND bucket = 0"}[table]
    return await session.rows(f"SELECT * FROM {table} WHERE {key}", mailbox)


async def change_much(store: CassandraMailboxes, mailbox: MailboxId, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(25):
        some = uids(*(chance.randint(1, 40) for _ in range(6)))
        match chance.randint(0, 3):
            case 0 | 1:
                await store.append(mailbox, [message(flags=chance.choice((NO_FLAGS, SEEN, DELETED)))] * 3)
            case 2:
                await store.store_flags(mailbox, some, chance.choice(list(FlagsMode)), chance.choice((SEEN, FLAGGED)))
            case 3:
                await store.expunge(mailbox, some)


async def test_what_is_projected_is_trimmed_and_a_cold_reader_finds_all(
    session: FaultySession, bodies: Bodies, eventually: Eventually
) -> None:
    store = a_store(session, bodies, Mode(AT_ONCE))
    mailbox = await a_mailbox(store)
    await change_much(store, mailbox, 1)

    async def is_projected() -> bool:
        _, head = await store._tables.log.head(mailbox)
        return head.projected == head.floor == head.modseq

    await eventually(is_projected)
    sentinel = await rows_in(session, "mailbox_log", mailbox)
    assert len(sentinel) == 1
    cold = a_store(session, bodies, Mode(NEVER, keeps_states=False))
    assert await rows_of(cold, mailbox) == await rows_of(store, mailbox)
    await check_log(cold, mailbox)
    for row in await rows_of(cold, mailbox):
        assert await cold.locate(row.message_id) == [(mailbox, row.uid)]
    await store.close()


async def test_two_projectors_write_the_same_octets(session: FaultySession, bodies: Bodies) -> None:
    first, second = (a_store(session, bodies, Mode(NEVER)) for _ in range(2))
    mailbox = await a_mailbox(first)
    await change_much(first, mailbox, 2)
    written = []
    for store in (first, second, a_store(session, bodies, Mode(NEVER, keeps_states=False))):
        log = store._logs.get(mailbox)
        await log.fresh()
        await store._projector.project(store._publishers, log)
        written.append(await rows_in(session, "mailbox_page", mailbox))
    assert written[0]
    assert written[0] == written[1] == written[2]


@pytest.mark.parametrize("is_old", [True, False])
async def test_the_kept_log_is_cut_when_it_is_long_and_old(
    session: FaultySession, bodies: Bodies, eventually: Eventually, is_old: bool
) -> None:
    settings = ProjectionSettings(
        every=1, tell_after_seconds=0.0, trim_every=1, kept_changes=100, kept_seconds=-1.0 if is_old else 60.0
    )
    store = a_store(session, bodies, Mode(settings))
    mailbox = await a_mailbox(store)
    for _ in range(10):
        await asyncio.gather(*(store.append(mailbox, [message()]) for _ in range(64)))
    await store.append(mailbox, [message()])

    async def is_settled() -> bool:
        _, head = await store._tables.log.head(mailbox)
        return head.projected == head.modseq and (not is_old or head.kept_from == 511)

    await eventually(is_settled)
    assert (await store.log(mailbox, ModSeq(0))).complete is not is_old
    page = await store.log(mailbox, ModSeq(511))
    assert (page.complete, len(page.entries)) == (True, 131)
    await store.close()
    kept = await session.rows("SELECT modseq FROM mailbox_kept_log WHERE mailbox = ? AND bucket = 0", mailbox)
    assert bool(kept) is not is_old


async def test_a_late_create_does_not_revive_a_deleted_mailbox(mailboxes: CassandraMailboxes) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.delete(mailbox)
    await mailboxes._tables.log.create(mailbox, Head(BOB.value))
    with pytest.raises(NotFound):
        await mailboxes.head(mailbox)


async def test_a_removal_that_was_cut_off_is_finished_by_the_next_reader(
    session: FaultySession,
    mailboxes: CassandraMailboxes,
    mailboxes_elsewhere: CassandraMailboxes,
    eventually: Eventually,
) -> None:
    mailbox = await a_mailbox(mailboxes, "Work")
    await mailboxes.append(mailbox, [message()] * 3)

    async def after_the_first(request: Request, send: Send) -> Any:
        nonlocal first
        if first and publishes(request):
            first = False
            return await send(request)
        raise TemporaryFailure("the node is dead")

    first = True
    session.faults.fault = after_the_first
    await mailboxes.delete(mailbox)
    session.faults.fault = None
    assert list(await mailboxes_elsewhere._tree.dying(BOB)) == [mailbox]
    assert await mailboxes_elsewhere.find(path("Work")) is None

    async def is_gone() -> bool:
        await mailboxes_elsewhere.of_user(BOB)
        return not await mailboxes_elsewhere._tree.dying(BOB)

    await eventually(is_gone)
    with pytest.raises(NotFound):
        await mailboxes_elsewhere.head(mailbox)


async def test_a_lost_answer_of_an_append_without_a_key_makes_no_duplicate(
    session: FaultySession, mailboxes: CassandraMailboxes, mailboxes_elsewhere: CassandraMailboxes
) -> None:
    """Another node writes between the lost answer and the repeat."""
    mailbox = await a_mailbox(mailboxes)

    async def lost(request: Request, send: Send) -> Any:
        result = await send(request)
        if publishes(request):
            session.faults.fault = None
            await mailboxes_elsewhere.append(mailbox, [message()])
            raise TemporaryFailure("the answer is lost")
        return result

    for number in range(3):
        session.faults.fault = lost
        (appended,) = await mailboxes.append(mailbox, [message()])
        assert appended.uid == 2 * number + 1
    session.faults.fault = lost
    assert await mailboxes.remove(mailbox, uids(1, 3)) == uids(1, 3)
    session.faults.fault = lost
    assert await mailboxes.take_recent(mailbox) == 1
    assert (await mailboxes.head(mailbox)).messages == 6


# round trips


class Counted:
    """Requests of a session, by kind."""

    def __init__(self, session: FaultySession) -> None:
        self.session = session
        self.publishes = self.writes = self.reads = 0

    async def __call__(self, request: Request, send: Send) -> Any:
        self.publishes += publishes(request)
        self.writes += request.is_write and not publishes(request)
        return await send(request)

    def __enter__(self) -> "Counted":
        self.session.faults.fault = self
        self.session.requests, self._before = 0, self.session.requests
        return self

    def __exit__(self, *error: object) -> None:
        self.session.faults.fault = None
        self.reads = self.session.requests - self.writes - self.publishes

    @property
    def found(self) -> tuple[int, int, int]:
        return self.reads, self.writes, self.publishes


@pytest.mark.slow
async def test_how_often_calls_ask(session: FaultySession, bodies: Bodies) -> None:
    """(reads, plain writes, conditional writes) of each call, warm and cold."""
    store = a_store(session, bodies, Mode(NEVER))
    mailbox, other = await a_mailbox(store), await a_mailbox(store, "Archive")
    for _ in range(10):
        await store.append(mailbox, [message()] * 1000)
    cold = a_store(session, bodies, Mode(NEVER))
    log = cold._logs.get(mailbox)
    await log.fresh()
    await cold._projector.project(cold._publishers, log)
    await cold._projector._tell(cold._publishers, log)
    calls: dict[str, tuple[Callable[[CassandraMailboxes], Any], tuple[int, int, int], tuple[int, int, int]]] = {
        "append": (lambda s: s.append(mailbox, [message()]), (1, 1, 1), (0, 1, 1)),
        "store": (lambda s: s.store_flags(mailbox, uids(7), FlagsMode.ADD, FLAGGED), (2, 0, 1), (1, 0, 0)),
        "store many": (
            lambda s: s.store_flags(mailbox, UidSet([(1, 2000)]), FlagsMode.ADD, SEEN),
            (2, 0, 1),
            (1, 0, 0),
        ),
        "remove": (lambda s: s.remove(mailbox, uids(9)), (2, 0, 1), (1, 0, 0)),
        "head": (lambda s: s.head(mailbox), (1, 0, 0), (1, 0, 0)),
        "uids": (lambda s: s.uids(mailbox), (2, 0, 0), (1, 0, 0)),
        "open": (lambda s: s.open(mailbox, take_recent=False), (3, 0, 0), (1, 0, 0)),
        "flags": (lambda s: _drained(s.flags(mailbox)), (2, 0, 0), (1, 0, 0)),
        "log": (lambda s: s.log(mailbox, ModSeq(10)), (3, 0, 0), (3, 0, 0)),
        "find": (lambda s: s.find(path("INBOX")), (1, 0, 0), (1, 0, 0)),
        "effect": (lambda s: s.append(other, [message()], effect()), (1, 1, 1), (0, 1, 1)),
    }
    found = {}
    for name, (call, _, _) in calls.items():
        fresh = a_store(session, bodies, Mode(NEVER))
        asked = []
        for _ in range(2):
            with Counted(session) as counted:
                await call(fresh)
            asked.append(counted.found)
        found[name] = tuple(asked)
    assert found == {name: (of_cold, of_warm) for name, (_, of_cold, of_warm) in calls.items()}


async def _drained(batches: Any) -> None:
    async for _ in batches:
        pass


async def test_appends_at_once_share_publishes(session: FaultySession, mailboxes: CassandraMailboxes) -> None:
    mailbox = await a_mailbox(mailboxes)
    with Counted(session) as counted:
        await asyncio.gather(*(mailboxes.append(mailbox, [message()]) for _ in range(64)))
    assert counted.publishes <= 8
    assert (await mailboxes.head(mailbox)).messages == 64
    assert len(await rows_of(mailboxes, mailbox, EVERYTHING)) == 64
