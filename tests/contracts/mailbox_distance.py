"""What a mailbox store that is far away keeps to: writers on several nodes, answers that are lost, skewed clocks.

A subclass gives the fixtures `mailboxes`, `mailboxes_elsewhere` (as another process or node has them, with a skewed clock),
`held_mailboxes` (those whose writes `held_writer` holds), and `faulty` and `held_writer` of `tests.contracts.distance`.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace

import pytest

from compostela.base.errors import AlreadyExists, NotFound, TemporaryFailure
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mailbox.log import MAX_MESSAGES_OF_A_MODSEQ, Change, TreeChange
from compostela.core.mailbox.model import NewMessage
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq, Uid
from compostela.model.uid_set import UidSet
from tests.contracts.distance import Faulty, HeldWriter
from tests.contracts.mailbox_parts import (
    BOB,
    DATE,
    DELETED,
    EVERYTHING,
    FLAGGED,
    SEEN,
    a_mailbox,
    check_counts,
    effect,
    fill,
    flags_of,
    message,
    octets_of,
    path,
    rows_of,
    uids,
    uids_of,
)

LARGE = 20_500
"""Messages of a large mailbox."""


class Follower:
    """A reader of one mailbox over `uids` and `log`, which fails when a change appears below what it has seen."""

    def __init__(self, store: MailboxStore, mailbox: MailboxId) -> None:
        self._store = store
        self._mailbox = mailbox
        self._uid_next = Uid(1)
        self._at = ModSeq(0)
        self._present: set[int] = set()
        self.logged: dict[Uid, Flags] = {}

    async def look(self) -> list[int]:
        """Return the UIDs that are there."""
        known, head = await self._store.uids(self._mailbox)
        new = set(known) - self._present
        assert all(self._uid_next <= uid < head.uid_next for uid in new), (
            "a message appears below one that was readable"
        )
        self._present, self._uid_next = set(known), head.uid_next
        await self._follow()
        return list(known)

    async def _follow(self) -> None:
        while True:
            page = await self._store.log(self._mailbox, self._at)
            assert page.complete
            for entry in page.entries:
                assert self._at < entry.modseq <= page.until
                assert (entry.uid in self.logged) is (entry.change is not Change.ADDED), (
                    "a change is missing or told twice"
                )
                assert entry.flags_before == self.logged.get(entry.uid)
                if entry.change is Change.EXPUNGED:
                    del self.logged[entry.uid]
                else:
                    self.logged[entry.uid] = entry.flags
            self._at = page.until
            if page.is_last:
                assert len(self.logged) == page.head.messages, "the log and the head are not of one moment"
                return


async def check_log(store: MailboxStore, mailbox: MailboxId) -> None:
    """The counts are right, and a reader of the whole log knows the mailbox."""
    await check_counts(store, mailbox)
    follower = Follower(store, mailbox)
    await follower.look()
    assert follower.logged == await flags_of(store, mailbox)


async def check_tree(store: MailboxStore, *names: str) -> None:
    """Bob has at most one mailbox, with one of these names, and a reader of the tree's whole log knows the tree."""
    page = await store.tree(BOB, ModSeq(0))
    assert page.is_last
    known: dict[MailboxId | None, MailboxPath] = {}
    subscribed: set[str] = set()
    for entry in page.entries:
        match entry.change:
            case TreeChange.CREATED | TreeChange.RENAMED:
                known[entry.mailbox] = entry.path
            case TreeChange.DELETED:
                del known[entry.mailbox]
            case TreeChange.SUBSCRIBED:
                subscribed.add(entry.path.name)
            case TreeChange.UNSUBSCRIBED:
                subscribed.remove(entry.path.name)
    found = await store.of_user(BOB)
    assert known == {one.id: one.path for one in found}
    assert subscribed == set(await store.subscriptions(BOB))
    assert len(found) <= 1
    assert all(one.path.name in names for one in found)


class MailboxDistanceContract:
    ports = (MailboxStore,)

    # publish, then read

    @pytest.mark.parametrize("is_killed", [False, True], ids=["released", "killed"])
    async def test_a_held_append_is_no_gap(
        self,
        mailboxes: MailboxStore,
        mailboxes_elsewhere: MailboxStore,
        held_mailboxes: MailboxStore,
        held_writer: HeldWriter,
        is_killed: bool,
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        stores = (mailboxes, mailboxes_elsewhere)
        followers = [Follower(store, mailbox) for store in stores]
        held_writer.hold()
        held = asyncio.ensure_future(held_mailboxes.append(mailbox, [message(b"held")] * 3))
        await held_writer.reached()
        published: set[Uid] = set()
        for number in range(10):
            (appended,) = await stores[number % 2].append(mailbox, [message(b"other")])
            published.add(appended.uid)
            for follower in followers:
                assert set(await follower.look()) == published, "nothing is seen of what is held"
        if is_killed:
            held_writer.kill()
            with pytest.raises(TemporaryFailure):
                await held
        else:
            held_writer.release()
            of_held = {one.uid for one in await held}
            assert min(of_held) > max(published), "what is published late comes above"
            published |= of_held
        (last,) = await mailboxes_elsewhere.append(mailbox, [message(b"other")])
        assert last.uid > max(published)
        published.add(last.uid)
        for follower in followers:
            assert set(await follower.look()) == published
        bodies = [await octets_of(mailboxes, mailbox, uid) for uid in sorted(published)]
        assert sum(body.endswith(b"held") for body in bodies) == (0 if is_killed else 3)
        for store in stores:
            await check_log(store, mailbox)

    @pytest.mark.parametrize("seed", range(6))
    async def test_a_reader_elsewhere_is_told_of_all_in_order(
        self,
        mailboxes: MailboxStore,
        mailboxes_elsewhere: MailboxStore,
        held_mailboxes: MailboxStore,
        held_writer: HeldWriter,
        seed: int,
    ) -> None:
        """Two nodes write, one of them now and then late; a third reads."""
        chance = random.Random(seed)
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        follower = Follower(mailboxes_elsewhere, mailbox)

        async def act(store: MailboxStore) -> None:
            some = uids(*(chance.randint(1, 30) for _ in range(4)))
            match chance.randint(0, 6):
                case 0 | 1 | 2:
                    await store.append(mailbox, [message(flags=chance.choice((SEEN, DELETED)))] * chance.randint(1, 3))
                case 3:
                    await store.store_flags(
                        mailbox, some, chance.choice(list(FlagsMode)), chance.choice((SEEN, FLAGGED))
                    )
                case 4:
                    await store.expunge(mailbox, some)
                case 5:
                    await store.copy(mailbox, some, mailbox)
                case 6:
                    await store.move(mailbox, some, chance.choice((mailbox, other)))

        async def write(store: MailboxStore) -> None:
            for _ in range(15):
                await act(store)

        for _ in range(3):
            held_writer.hold()
            late = asyncio.ensure_future(act(held_mailboxes))
            await held_writer.reached()
            writers = asyncio.gather(write(mailboxes), write(mailboxes))
            while not writers.done():
                await follower.look()
                await asyncio.sleep(0)
            await writers
            held_writer.release()
            writers = asyncio.gather(write(mailboxes), write(held_mailboxes), late)
            while not writers.done():
                await follower.look()
                await asyncio.sleep(0)
            await writers
        await follower.look()
        assert follower.logged == await flags_of(mailboxes, mailbox)
        for store in (mailboxes, mailboxes_elsewhere, held_mailboxes):
            await check_log(store, mailbox)

    # the same effect twice

    async def test_an_effect_with_several_messages_at_once_leaves_one_whole(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, held_mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        stores = (mailboxes, mailboxes_elsewhere, held_mailboxes)

        def of_run(number: int) -> NewMessage:
            mark = b"run%d" % number
            content = MessageContent(b"Subject: %b\r\n\r\n" % mark, MemoryBody(mark * (number + 1)))
            return NewMessage(content, mark, DATE + number, Flags.of(keywords=[mark.decode()]))

        for turn in range(5):
            found = await asyncio.gather(
                *(stores[n % 3].append(mailbox, [of_run(n)], effect(f"turn{turn}")) for n in range(9))
            )
            assert all(one == found[0] for one in found)
        rows = await rows_of(mailboxes_elsewhere, mailbox)
        assert len(rows) == 5
        for row in rows:
            winner = of_run(row.internal_date - DATE)
            stored = await mailboxes_elsewhere.message(mailbox, row.uid)
            assert stored is not None
            assert (await stored.content.read(), stored.structure) == (await winner.content.read(), winner.structure)
            assert (row.flags, row.size) == (winner.flags, len(await winner.content.read()))
        await check_log(mailboxes, mailbox)

    # unknown outcomes

    async def test_an_append_with_an_unknown_outcome_is_repeated_under_its_effect(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, faulty: Faulty
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        for number in range(3):
            for fault in (faulty.refuses, faulty.drops_answers, faulty.drops_answers):
                with fault(), pytest.raises(TemporaryFailure):
                    await mailboxes.append(mailbox, [message(b"first")] * 2, effect(f"key{number}"))
            with faulty.delays():
                here = await mailboxes.append(mailbox, [message(b"again")] * 2, effect(f"key{number}"))
            assert await mailboxes_elsewhere.append(mailbox, [message(b"late")] * 2, effect(f"key{number}")) == here
        assert await uids_of(mailboxes_elsewhere, mailbox) == [1, 2, 3, 4, 5, 6]
        assert {await octets_of(mailboxes, mailbox, uid) for uid in range(1, 7)} == {
            await message(b"first").content.read()
        }
        await check_log(mailboxes_elsewhere, mailbox)

    async def test_a_lost_answer_leaves_a_consistent_store(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, faulty: Faulty
    ) -> None:
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        await fill(mailboxes, mailbox, *[DELETED, SEEN, NO_FLAGS] * 3)
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: mailboxes.append(mailbox, [message()] * 2),
            lambda: mailboxes.copy(mailbox, uids(1, 2), other),
            lambda: mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, FLAGGED),
            lambda: mailboxes.move(mailbox, uids(2, 3), other),
            lambda: mailboxes.expunge(mailbox),
            lambda: mailboxes.remove(mailbox, uids(5)),
            lambda: mailboxes.take_recent(mailbox),
        ]
        for call in calls:
            for fault in (faulty.refuses, faulty.drops_answers):
                before = await rows_of(mailboxes, mailbox)
                with fault(), suppress(TemporaryFailure):
                    await call()
                if fault == faulty.refuses:
                    assert await rows_of(mailboxes_elsewhere, mailbox) == before, "what is refused does nothing"
                for store in (mailboxes, mailboxes_elsewhere):
                    await check_log(store, mailbox)
                    await check_log(store, other)
            await call()
        assert 5 not in await uids_of(mailboxes_elsewhere, mailbox)
        assert (await mailboxes_elsewhere.head(mailbox)).deleted == 0

    async def test_a_lost_answer_leaves_a_consistent_tree(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, faulty: Faulty
    ) -> None:
        with faulty.drops_answers(), suppress(TemporaryFailure):
            await mailboxes.create(path("Work"))
        with suppress(AlreadyExists):
            await mailboxes.create(path("Work"))
        (work,) = await mailboxes_elsewhere.of_user(BOB)
        with faulty.drops_answers(), suppress(TemporaryFailure):
            await mailboxes.rename([(work.id, path("Play"))])
        await check_tree(mailboxes_elsewhere, "Work", "Play")
        await mailboxes.rename([(work.id, path("Play"))])
        assert [(one.id, one.path) for one in await mailboxes_elsewhere.of_user(BOB)] == [(work.id, path("Play"))]
        for change in (mailboxes.subscribe, mailboxes.unsubscribe):
            with faulty.drops_answers(), suppress(TemporaryFailure):
                await change(BOB, "Play")
            await check_tree(mailboxes_elsewhere, "Play")
            await change(BOB, "Play")
            assert await mailboxes_elsewhere.subscriptions(BOB) == (["Play"] if change == mailboxes.subscribe else [])
        with faulty.drops_answers(), suppress(TemporaryFailure):
            await mailboxes.delete(work.id)
        await check_tree(mailboxes_elsewhere, "Play")
        with suppress(NotFound):
            await mailboxes.delete(work.id)
        assert await mailboxes_elsewhere.of_user(BOB) == []

    # clocks

    async def test_the_last_call_wins_whatever_the_clocks_say(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        for turn in range(4):
            ahead, behind = mailboxes_elsewhere, mailboxes
            for first, last in ((ahead, behind), (behind, ahead)):
                (appended,) = await first.append(mailbox, [message()])
                uid = uids(appended.uid)
                await first.store_flags(mailbox, uid, FlagsMode.REPLACE, SEEN)
                await last.store_flags(mailbox, uid, FlagsMode.REPLACE, FLAGGED)
                assert (await flags_of(first, mailbox))[appended.uid] == FLAGGED
                assert await last.remove(mailbox, uid) == uid
                assert await first.store_flags(mailbox, uid, FlagsMode.ADD, SEEN)
                assert await uids_of(first, mailbox) == await uids_of(last, mailbox) == []
                await first.subscribe(BOB, f"name{turn}")
                await last.unsubscribe(BOB, f"name{turn}")
                assert await first.subscriptions(BOB) == []
                await first.unsubscribe(BOB, f"name{turn}")
                await last.subscribe(BOB, f"name{turn}")
                assert await first.subscriptions(BOB) == [f"name{turn}"]
                await last.unsubscribe(BOB, f"name{turn}")
        await check_log(mailboxes, mailbox)

    async def test_a_name_that_is_used_again_is_newer_whatever_the_clocks_say(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        before = 0
        for turn in range(6):
            maker, remover = (mailboxes_elsewhere, mailboxes) if turn % 2 else (mailboxes, mailboxes_elsewhere)
            made = await maker.create(path("Work"))
            assert made.uid_validity > before, "RFC 3501 §2.3.1.1"
            before = made.uid_validity
            await fill(maker, made.id, NO_FLAGS)
            await remover.delete(made.id)
            assert await maker.find(path("Work")) is None
            with pytest.raises(NotFound):
                await maker.append(made.id, [message()])

    async def test_effects_are_known_whatever_the_clocks_say(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        for first, second, key in ((mailboxes, mailboxes_elsewhere, "a"), (mailboxes_elsewhere, mailboxes, "b")):
            found = await first.append(mailbox, [message()], effect(key))
            assert await second.append(mailbox, [message()], effect(key)) == found
        assert await uids_of(mailboxes, mailbox) == [1, 2]

    # bounds

    @pytest.mark.slow
    async def test_calls_on_a_large_mailbox_come_in_bounded_steps(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        for start in range(0, LARGE, 1000):
            await mailboxes.append(source, [replace(message(), structure=b"")] * min(1000, LARGE - start))
        copied = await mailboxes.copy(source, EVERYTHING, target)
        assert (copied.source, copied.target) == (UidSet([(1, LARGE)]), UidSet([(1, LARGE)]))
        result = await mailboxes.store_flags(source, EVERYTHING, FlagsMode.ADD, SEEN)
        assert [row.uid for row in result.updated] == list(range(1, LARGE + 1))
        for store, mailbox, expected in (
            (mailboxes, source, 2 * LARGE),
            (mailboxes_elsewhere, source, 2 * LARGE),
            (mailboxes_elsewhere, target, LARGE),
        ):
            since, entries = ModSeq(0), 0
            while True:
                page = await store.log(mailbox, since)
                assert page.complete
                assert len(page.entries) <= MAX_MESSAGES_OF_A_MODSEQ
                entries += len(page.entries)
                if page.is_last:
                    break
                assert page.until > since
                since = page.until
            assert entries == expected
        assert max([len(batch) async for batch in mailboxes_elsewhere.flags(target)]) <= 1000
