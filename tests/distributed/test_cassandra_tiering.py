"""Small bodies that leave Cassandra after a time (`cache.enable`) are read from the body store."""

import pytest

from compostela.adapters.cassandra.mailbox_contents import SmallBodies
from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_messages import MailboxMessagesContract
from tests.contracts.mailbox_parts import a_mailbox, message, octets_of, uids
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession
from tests.distributed.cassandra_mailboxes import (
    Mode,
    bodies,
    collect_all,
    faulty,
    mailboxes,
    mailboxes_elsewhere,
    stored_octets,
)

__all__ = ["bodies", "faulty", "mailboxes", "mailboxes_elsewhere", "stored_octets"]

MAX_BYTES = 100
SMALL, LARGE = b"small\r\n", b"x" * 200 + b"\r\n"


@pytest.fixture
def mode() -> Mode:
    return Mode(small_bodies=SmallBodies(MAX_BYTES, kept_seconds=1.0))


class TestMessagesWhoseBodiesLeave(MailboxMessagesContract):
    pass


async def bodies_in_rows(session: FaultySession) -> int:
    rows = await session.rows("SELECT DISTINCT message, body FROM message")
    return sum(body is not None for _, body in rows)


async def test_a_small_body_is_in_both_places_and_later_in_one(
    session: FaultySession, mailboxes: CassandraMailboxes, bodies: Bodies, eventually: Eventually
) -> None:
    mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "other")
    await mailboxes.append(mailbox, [message(SMALL), message(LARGE), message(b"")])
    assert sorted(bodies.kept.values()) == sorted([SMALL, LARGE])
    await mailboxes.copy(mailbox, uids(1, 2, 3), other)

    async def have_left() -> bool:
        return await bodies_in_rows(session) == 0

    await eventually(have_left)
    for one in (mailbox, other):
        for uid, body in enumerate((SMALL, LARGE, b""), 1):
            assert (await octets_of(mailboxes, one, uid)).endswith(b"\r\n\r\n" + body)


async def test_a_message_whose_body_left_is_collected_as_any_other(
    session: FaultySession, mailboxes: CassandraMailboxes, eventually: Eventually
) -> None:
    mailbox = await a_mailbox(mailboxes)
    await mailboxes.append(mailbox, [message(SMALL)])
    assert await bodies_in_rows(session) == 1

    async def has_left() -> bool:
        return await bodies_in_rows(session) == 0

    await eventually(has_left)
    await mailboxes.remove(mailbox, uids(1))
    assert await collect_all(mailboxes) == 1
    assert await session.rows("SELECT message FROM message") == []
