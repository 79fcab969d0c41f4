"""What the collection of contents on Cassandra removes, and what it never does."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.message_garbage import GarbageSettings
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.errors import InvalidArgument, NotFound
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import MailboxId, MessageId
from tests.contracts.distance import SKEW_SECONDS, Eventually
from tests.contracts.mailbox_parts import (
    BOB,
    EVERYTHING,
    a_mailbox,
    effect,
    fill,
    message,
    octets_of,
    rows_of,
    uids,
    uids_of,
)
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import Mode, a_store, bodies, collect_all, mailboxes, mode

__all__ = ["bodies", "mailboxes", "mode"]


@pytest.fixture
async def deferring(session_elsewhere: CassandraSession, bodies: Bodies) -> AsyncIterator[CassandraMailboxes]:
    """A node that removes what has been without a place for an hour; its clock is an hour ahead."""
    garbage = GarbageSettings(defer_seconds=SKEW_SECONDS)
    store = a_store(session_elsewhere, bodies, Mode(), SKEW_SECONDS, garbage=garbage)
    yield store
    await store.close()


async def stored(session: CassandraSession) -> set[MessageId]:
    rows = await session.rows("SELECT DISTINCT message, content FROM message")
    return {MessageId(message.hex()) for message, content in rows if content is not None}


async def referred(store: CassandraMailboxes, *boxes: MailboxId) -> set[MessageId]:
    return {row.message_id for box in boxes for row in await rows_of(store, box, EVERYTHING)}


async def test_contents_of_appends_that_placed_nothing_go(
    session: FaultySession, mailboxes: CassandraMailboxes
) -> None:
    mailbox, gone = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "gone")
    await mailboxes.delete(gone)
    key = effect()
    for _ in range(3):
        await mailboxes.append(mailbox, [message(b"keyed\r\n")], key)
    with pytest.raises(NotFound):
        await mailboxes.append(gone, [message(b"refused\r\n")])
    assert len(await stored(session)) == 4
    assert await collect_all(mailboxes) == 3
    assert await stored(session) == await referred(mailboxes, mailbox)
    assert (await octets_of(mailboxes, mailbox, 1)).endswith(b"keyed\r\n")


async def is_removed(store: CassandraMailboxes) -> bool:
    return not await store._tree.dying(BOB)


async def test_a_content_goes_with_its_last_place(
    session: FaultySession, mailboxes: CassandraMailboxes, eventually: Eventually
) -> None:
    mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "other")
    await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS, NO_FLAGS)
    await mailboxes.copy(mailbox, uids(1, 2), other)
    await mailboxes.remove(mailbox, uids(1, 2, 3))
    assert await collect_all(mailboxes) == 1
    assert await stored(session) == await referred(mailboxes, other)
    await mailboxes.delete(other)
    await eventually(lambda: is_removed(mailboxes))
    assert await collect_all(mailboxes) == 2
    assert await stored(session) == set()


async def test_what_has_no_place_is_removed_later_and_a_copy_keeps_it(
    session: FaultySession, mailboxes: CassandraMailboxes, deferring: CassandraMailboxes, bodies: Bodies
) -> None:
    mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "other")
    first, second = await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
    await mailboxes.remove(mailbox, uids(1, 2))
    assert await collect_all(deferring) == 0
    # a copy that read its source before the removal, and is about to be published
    await mailboxes._tables.messages.intend([bytes.fromhex(first.message_id)], other, int(mailboxes._clock.now()))
    later = a_store(session, bodies, Mode(), 3 * SKEW_SECONDS, garbage=GarbageSettings(defer_seconds=SKEW_SECONDS))
    assert await collect_all(later) == 1
    assert await stored(session) == {first.message_id}
    assert second.message_id not in await stored(session)
    await later.close()


async def test_a_collection_goes_on_elsewhere(
    session: FaultySession, mailboxes: CassandraMailboxes, session_elsewhere: CassandraSession, bodies: Bodies
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await fill(mailboxes, mailbox, *[NO_FLAGS] * 20)
    await mailboxes.remove(mailbox, uids(*range(1, 11)))
    elsewhere = a_store(session_elsewhere, bodies, Mode(), SKEW_SECONDS)
    position, removed, turn = None, 0, 0
    while True:
        part = await (mailboxes, elsewhere)[turn % 2].garbage.collect(position, 3)
        position, removed, turn = part.position, removed + part.removed, turn + 1
        assert part.looked <= 3
        if position is None:
            break
    assert removed == 10
    assert await stored(session) == await referred(mailboxes, mailbox)
    with pytest.raises(InvalidArgument):
        await elsewhere.garbage.collect("elsewhere", 3)
    await elsewhere.close()


async def test_nothing_that_has_a_place_goes_while_others_write(
    session: FaultySession, mailboxes: CassandraMailboxes, session_elsewhere: CassandraSession, bodies: Bodies
) -> None:
    """Collections go on with no delay at all but that between an expunge and a copy that began before it."""
    elsewhere = a_store(session_elsewhere, bodies, Mode(), garbage=GarbageSettings(defer_seconds=60.0))
    boxes = [await a_mailbox(mailboxes, f"box{number}") for number in range(3)]
    is_over = False

    async def write(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(30):
            source, target = chance.sample(boxes, 2)
            await mailboxes.append(source, [message(bytes([65 + seed]) * 20) for _ in range(3)])
            there = await uids_of(mailboxes, source)
            some = uids(*chance.sample(there, min(len(there), 4)))
            match chance.randint(0, 2):
                case 0:
                    await mailboxes.copy(source, some, target)
                case 1:
                    await mailboxes.move(source, some, target)
                case 2:
                    await mailboxes.remove(source, some)

    async def collect() -> None:
        while not is_over:
            await collect_all(elsewhere, 50)

    collecting = asyncio.ensure_future(collect())
    await asyncio.gather(*(write(seed) for seed in range(4)))
    is_over = True
    await collecting
    living = await referred(mailboxes, *boxes)
    assert living <= await stored(session)
    await collect_all(mailboxes, 100)
    assert await stored(session) == living
    await elsewhere.close()
