"""Callers that go away in the middle of a call, and hints that must not be lost, near and far.

A subclass gives the fixtures `mailboxes`, `mailboxes_elsewhere`, `held_mailboxes` and `held_writer` as for
`MailboxDistanceContract`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest

from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.numbers import MailboxId, ModSeq
from tests.contracts.distance import HeldWriter, cut_off
from tests.contracts.mailbox_distance import check_log, check_tree
from tests.contracts.mailbox_parts import (
    BOB,
    DELETED,
    EVERYTHING,
    FLAGGED,
    SEEN,
    a_mailbox,
    effect,
    fill,
    message,
    path,
    rows_of,
    uids,
    uids_of,
)

WAIT_SECONDS = 20.0
WATCHERS = 1000
MANY = 1201
"""More messages than are read or changed in one step."""

Call = Callable[[MailboxStore, MailboxId, MailboxId], Awaitable[object]]


async def drained(batches: AsyncIterator[object]) -> None:
    async for _ in batches:
        pass


READS: dict[str, Call] = {
    "head": lambda store, mailbox, other: store.head(mailbox),
    "heads": lambda store, mailbox, other: store.heads([mailbox, other]),
    "open": lambda store, mailbox, other: store.open(mailbox, take_recent=False),
    "uids": lambda store, mailbox, other: store.uids(mailbox),
    "rows": lambda store, mailbox, other: drained(store.rows(mailbox)),
    "flags": lambda store, mailbox, other: drained(store.flags(mailbox)),
    "headers": lambda store, mailbox, other: drained(store.headers(mailbox, EVERYTHING)),
    "structures": lambda store, mailbox, other: drained(store.structures(mailbox, EVERYTHING)),
    "log": lambda store, mailbox, other: store.log(mailbox, ModSeq(0)),
}
WRITES: dict[str, Call] = {
    "append": lambda store, mailbox, other: store.append(mailbox, [message()] * 3),
    "copy": lambda store, mailbox, other: store.copy(mailbox, uids(1, 2, 3), other),
    "copy many": lambda store, mailbox, other: store.copy(mailbox, EVERYTHING, other),
    "move": lambda store, mailbox, other: store.move(mailbox, uids(1, 2, 3), other),
    "move many": lambda store, mailbox, other: store.move(mailbox, EVERYTHING, other),
    "store_flags": lambda store, mailbox, other: store.store_flags(mailbox, uids(1, 2), FlagsMode.ADD, SEEN),
    "store_flags many": lambda store, mailbox, other: store.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN),
    "expunge": lambda store, mailbox, other: store.expunge(mailbox),
    "remove": lambda store, mailbox, other: store.remove(mailbox, EVERYTHING),
    "take_recent": lambda store, mailbox, other: store.take_recent(mailbox),
    "open": lambda store, mailbox, other: store.open(mailbox, take_recent=True),
}


class MailboxInterruptionsContract:
    ports = (MailboxStore,)

    # cancellation

    @pytest.mark.parametrize("name", READS)
    async def test_a_read_may_be_cancelled_at_each_await(self, mailboxes: MailboxStore, name: str) -> None:
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        await mailboxes.append(mailbox, [message()] * 2100)
        step = 0
        while await cut_off(READS[name](mailboxes, mailbox, other), step):
            step += 1
            await mailboxes.append(mailbox, [message()])
        assert len(await uids_of(mailboxes, mailbox)) == 2100 + step
        await check_log(mailboxes, mailbox)

    @pytest.mark.parametrize("name", WRITES)
    async def test_a_write_may_be_cancelled_at_each_await(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, name: str
    ) -> None:
        """Done or not done, never half: neither a count nor a log entry is missing."""
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        step, goes_on = 0, True
        while goes_on:
            await mailboxes.append(mailbox, [message(flags=DELETED)] * MANY)
            before = {row.message_id for row in await rows_of(mailboxes, mailbox)}
            known = set(await uids_of(mailboxes, other))
            goes_on = await cut_off(WRITES[name](mailboxes, mailbox, other), step)
            step += 1
            # after this one, all that was taken up before is done or never will be
            await mailboxes.append(mailbox, [message()])
            await mailboxes_elsewhere.append(other, [message()])
            for store in (mailboxes, mailboxes_elsewhere):
                await check_log(store, mailbox)
                await check_log(store, other)
            here = {row.message_id for row in await rows_of(mailboxes_elsewhere, mailbox)}
            there = {row.message_id for row in await rows_of(mailboxes_elsewhere, other)}
            placed = len(set(await uids_of(mailboxes, other)) - known) - 1
            if name.startswith("move"):
                assert before <= here | there, "a message is lost"
            if name.startswith(("move", "copy")):
                assert placed in (0, MANY if name.endswith("many") else 3), "a call came in part"
            if name == "append":
                assert len(here - before) - 1 in (0, 3), "a call came in part"
            await mailboxes.remove(mailbox, EVERYTHING)
            await mailboxes.remove(other, EVERYTHING)
            if name in ("copy", "move", "store_flags"):
                # these name UIDs 1 to 3, which are not used again
                await mailboxes.delete(mailbox)
                mailbox = await a_mailbox(mailboxes)
        assert step > 1, "the call was never cancelled"

    async def test_an_effect_that_is_cancelled_at_each_await_appends_once(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        step = 0
        while await cut_off(mailboxes.append(mailbox, [message()] * 2, effect(f"{step}")), step):
            await mailboxes_elsewhere.append(mailbox, [message()] * 2, effect(f"{step}"))
            step += 1
        assert step > 0, "the call was never cancelled"
        assert len(await uids_of(mailboxes, mailbox)) == 2 * (step + 1)
        await check_log(mailboxes_elsewhere, mailbox)

    async def test_changes_of_a_tree_may_be_cancelled_at_each_await(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        for step in range(10):
            goes_on = [await cut_off(mailboxes.create(path("Work")), step)]
            try:
                work = await mailboxes.create(path("Work"))
            except AlreadyExists:
                (work,) = await mailboxes.of_user(BOB)
            await fill(mailboxes, work.id, NO_FLAGS)
            goes_on.append(await cut_off(mailboxes.rename([(work.id, path("Play"))]), step))
            await mailboxes_elsewhere.subscribe(BOB, "Other")
            await check_tree(mailboxes, "Work", "Play")
            await mailboxes_elsewhere.unsubscribe(BOB, "Other")
            await mailboxes_elsewhere.rename([(work.id, path("Play"))])
            assert [(one.id, one.path) for one in await mailboxes.of_user(BOB)] == [(work.id, path("Play"))]
            goes_on.append(await cut_off(mailboxes.subscribe(BOB, "Play"), step))
            await mailboxes.unsubscribe(BOB, "Play")
            assert await mailboxes_elsewhere.subscriptions(BOB) == []
            await check_log(mailboxes_elsewhere, work.id)
            await check_tree(mailboxes_elsewhere, "Play")
            goes_on.append(await cut_off(mailboxes.delete(work.id), step))
            with suppress(NotFound):
                await mailboxes.delete(work.id)
            assert await mailboxes_elsewhere.of_user(BOB) == await mailboxes.of_user(BOB) == []
            if not any(goes_on):
                assert step > 0, "no call was ever cancelled"
                return
        raise AssertionError("the calls never end")

    # hints

    @pytest.mark.parametrize("is_far", [False, True], ids=["here", "elsewhere"])
    async def test_after_watch_every_change_is_told(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, is_far: bool
    ) -> None:
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        writer = mailboxes_elsewhere if is_far else mailboxes
        await fill(writer, other, *[SEEN] * 4)
        woken = asyncio.Event()
        changes: list[Callable[[], Awaitable[object]]] = [
            lambda: writer.append(mailbox, [message()]),
            lambda: writer.copy(other, uids(1), mailbox),
            lambda: writer.move(other, uids(2), mailbox),
            lambda: writer.store_flags(mailbox, uids(1, 2), FlagsMode.ADD, DELETED),
            lambda: writer.expunge(mailbox, uids(1)),
            lambda: writer.remove(mailbox, uids(2)),
            lambda: writer.move(mailbox, uids(3), other),
            lambda: writer.append(mailbox, [message()], effect()),
            lambda: writer.delete(mailbox),
        ]
        for change in changes:
            # a watch that begins anew each time: nothing is lost between its return and the change
            woken.clear()
            end = mailboxes.watch(mailbox, woken.set)
            await change()
            await asyncio.wait_for(woken.wait(), WAIT_SECONDS)
            end()

    async def test_what_was_taken_up_before_the_watch_is_told_when_it_comes(
        self, mailboxes: MailboxStore, held_mailboxes: MailboxStore, held_writer: HeldWriter
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        held_writer.hold()
        held = asyncio.ensure_future(held_mailboxes.append(mailbox, [message()]))
        await held_writer.reached()
        woken = asyncio.Event()
        end = mailboxes.watch(mailbox, woken.set)
        held_writer.release()
        await held
        await asyncio.wait_for(woken.wait(), WAIT_SECONDS)
        assert await uids_of(mailboxes, mailbox) == [1]
        end()

    async def test_many_watchers_are_all_told(self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore) -> None:
        mailbox, quiet = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        waiting, every, in_vain = set(range(WATCHERS)), asyncio.Event(), asyncio.Event()

        def told(number: int) -> None:
            waiting.discard(number)
            if not waiting:
                every.set()

        ends = [mailboxes.watch(mailbox, lambda number=number: told(number)) for number in range(WATCHERS)]  # type: ignore[misc]
        ends.append(mailboxes.watch(quiet, in_vain.set))
        for writer in (mailboxes, mailboxes_elsewhere):
            waiting.update(range(WATCHERS))
            every.clear()
            await writer.append(mailbox, [message()])
            await asyncio.wait_for(every.wait(), WAIT_SECONDS)
        for end in ends[: WATCHERS // 2]:
            end()
        waiting.clear()
        waiting.update(range(WATCHERS // 2, WATCHERS))
        every.clear()
        await mailboxes_elsewhere.store_flags(mailbox, uids(1), FlagsMode.ADD, FLAGGED)
        await asyncio.wait_for(every.wait(), WAIT_SECONDS)
        for end in ends[WATCHERS // 2 :]:
            end()
