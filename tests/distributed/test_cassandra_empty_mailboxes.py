"""A mailbox that is deleted only if it is empty: its log is closed, then its name goes, and the node may die between any two steps."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from compostela.adapters.cassandra.mailboxes import CassandraMailboxes
from compostela.adapters.cassandra.session import Request
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.ports import NotEmpty
from compostela.model.numbers import MailboxId
from tests.contracts.mailbox_parts import BOB, a_mailbox, message, path, uids, uids_of
from tests.distributed.bodies import Bodies
from tests.distributed.cassandra_faults import FaultySession, NotingSession
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

NAME = "Box"


class MortalSession(NotingSession):
    """Dies after `steps` conditional writes that were applied or refused."""

    steps = 1_000_000

    async def send(self, request: Request) -> Any:
        if self.steps <= 0:
            raise TemporaryFailure("the node is dead")
        if publishes(request):
            self.steps -= 1
        return await super().send(request)


@pytest.fixture
async def mortal(session: FaultySession, bodies: Bodies, mode: Mode) -> AsyncIterator[tuple[MortalSession, Any]]:
    own = await MortalSession.open(session.settings)
    store = a_store(own, bodies, mode)
    yield own, store
    await store.close()
    await own.close()


async def deaths(own: MortalSession, store: CassandraMailboxes, mailbox: MailboxId, steps: int) -> bool:
    """Delete, and die after so many steps; False if the deletion was done before."""
    own.steps = steps
    try:
        await store.delete(mailbox, only_empty=True)
    except TemporaryFailure:
        return True
    finally:
        await store.close()
    return own.steps <= 0


async def is_usable(store: CassandraMailboxes, mailbox: MailboxId) -> bool:
    """Whether the mailbox is there with all it can; if not, all of it must be gone."""
    found = await store.find(path(NAME))
    assert await store.of_user(BOB) == ([] if found is None else [found])
    if found is not None:
        assert found.id == mailbox
        await store.append(mailbox, [message()])
        assert await uids_of(store, mailbox) == [1]
        return True
    with pytest.raises(NotFound):
        await store.append(mailbox, [message()])
    assert (await store.create(path(NAME))).id != mailbox
    return False


@pytest.mark.parametrize("steps", range(5))
async def test_a_node_that_dies_leaves_a_mailbox_that_works_or_none(
    mortal: tuple[MortalSession, CassandraMailboxes], mailboxes: CassandraMailboxes, steps: int
) -> None:
    """Without the mark in the name a closed log would keep its name for ever."""
    mailbox = await a_mailbox(mailboxes, NAME)
    await mailboxes.head(mailbox)
    await deaths(*mortal, mailbox, steps)
    assert await is_usable(mailboxes, mailbox) == (steps == 0)


@pytest.mark.parametrize("steps", range(1, 3))
async def test_what_a_dead_node_left_is_found_by_the_list_of_mailboxes(
    mortal: tuple[MortalSession, CassandraMailboxes], mailboxes: CassandraMailboxes, steps: int
) -> None:
    mailbox = await a_mailbox(mailboxes, NAME)
    assert await deaths(*mortal, mailbox, steps)
    assert await mailboxes.of_user(BOB) == []
    assert (await mailboxes.create(path(NAME))).id != mailbox


async def test_a_message_that_came_after_the_death_keeps_the_mailbox(
    mortal: tuple[MortalSession, CassandraMailboxes], mailboxes: CassandraMailboxes
) -> None:
    """The mark alone decides nothing, nor does it come back when the mailbox is empty again."""
    mailbox = await a_mailbox(mailboxes, NAME)
    assert await deaths(*mortal, mailbox, 1)
    await mailboxes.append(mailbox, [message()])
    await mailboxes.remove(mailbox, uids(1))
    found = await mailboxes.find(path(NAME))
    assert found is not None
    assert found.id == mailbox
    await mailboxes.append(mailbox, [message()])
    assert await uids_of(mailboxes, mailbox) == [2]


async def test_a_node_that_knows_the_empty_mailbox_appends_to_no_closed_log(
    mortal: tuple[MortalSession, CassandraMailboxes], mailboxes: CassandraMailboxes
) -> None:
    mailbox = await a_mailbox(mailboxes, NAME)
    assert await uids_of(mailboxes, mailbox) == []
    assert await deaths(*mortal, mailbox, 2)
    with pytest.raises(NotFound):
        await mailboxes.append(mailbox, [message()])


async def test_appends_and_deletions_of_several_nodes_agree(
    mailboxes: CassandraMailboxes, mailboxes_elsewhere: CassandraMailboxes
) -> None:
    """Also while names are looked up: a reader may go on with a deletion that is under way."""
    for _ in range(10):
        mailbox = await a_mailbox(mailboxes, NAME)
        await mailboxes_elsewhere.head(mailbox)
        appended, deleted, deleted_too, *_ = await asyncio.gather(
            mailboxes.append(mailbox, [message()]),
            mailboxes_elsewhere.delete(mailbox, only_empty=True),
            mailboxes.delete(mailbox, only_empty=True),
            mailboxes.find(path(NAME)),
            mailboxes_elsewhere.find(path(NAME)),
            mailboxes_elsewhere.of_user(BOB),
            return_exceptions=True,
        )
        if isinstance(appended, NotFound):
            assert None in (deleted, deleted_too)
            assert await mailboxes.find(path(NAME)) is None
            continue
        assert not isinstance(appended, BaseException)
        assert isinstance(deleted, NotEmpty)
        assert isinstance(deleted_too, NotEmpty)
        assert await uids_of(mailboxes_elsewhere, mailbox) == [1]
        found = await mailboxes_elsewhere.find(path(NAME))
        assert found is not None
        assert found.id == mailbox
        await mailboxes.delete(mailbox)
