"""What every mailbox store keeps to as to mailboxes, subscriptions and hints. Subclasses give the fixtures `mailboxes` and
`mailboxes_elsewhere`, the same as another process or node has them, with a skewed clock."""

import asyncio

import pytest

from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.mailbox.ports import MailboxStore, NotEmpty
from compostela.model.flags import NO_FLAGS, FlagsMode
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId
from tests.contracts.mailbox_parts import (
    BOB,
    CAROL,
    DELETED,
    EVERYTHING,
    SEEN,
    a_mailbox,
    fill,
    message,
    path,
    rows_of,
    uids,
    uids_of,
)

WAIT_SECONDS = 20.0


class MailboxesContract:
    ports = (MailboxStore,)

    # one mailbox

    async def test_a_mailbox_comes_into_being(self, mailboxes: MailboxStore) -> None:
        assert await mailboxes.find(path("Work")) is None
        created = await mailboxes.create(path("Work"))
        assert created.path == path("Work")
        assert created.uid_validity > 0
        assert await mailboxes.find(path("Work")) == created
        head = await mailboxes.head(created.id)
        assert (head.uid_next, head.first_recent_uid, head.messages, head.unseen, head.deleted) == (1, 1, 0, 0, 0)
        assert head.highest_modseq > 0, "RFC 7162 §3.1.2.1: a mailbox without messages has one too"

    async def test_a_mailbox_is_made_once(self, mailboxes: MailboxStore) -> None:
        first = await mailboxes.create(path("Work"))
        with pytest.raises(AlreadyExists):
            await mailboxes.create(path("Work"))
        assert await mailboxes.find(path("Work")) == first

    async def test_of_many_who_make_it_at_once_one_does(self, mailboxes: MailboxStore) -> None:
        made = await asyncio.gather(*(mailboxes.create(path("Work")) for _ in range(8)), return_exceptions=True)
        assert sum(not isinstance(one, BaseException) for one in made) == 1
        assert all(isinstance(one, AlreadyExists) for one in made if isinstance(one, BaseException))

    async def test_no_parents_are_made(self, mailboxes: MailboxStore) -> None:
        await mailboxes.create(path("Work.2026"))
        assert await mailboxes.find(path("Work")) is None

    async def test_an_unknown_id_is_nobody(self, mailboxes: MailboxStore) -> None:
        with pytest.raises(NotFound):
            await mailboxes.head(MailboxId("unknown"))

    async def test_the_mailboxes_of_a_user_come_by_name(self, mailboxes: MailboxStore) -> None:
        for name in ("Work", "INBOX", "Archive", "Work.2026", "Entwürfe"):
            await mailboxes.create(path(name))
        other = await mailboxes.create(path("INBOX", CAROL))
        names = [mailbox.path.name for mailbox in await mailboxes.of_user(BOB)]
        assert names == sorted(["Work", "INBOX", "Archive", "Work.2026", "Entwürfe"])
        assert await mailboxes.of_user(CAROL) == [other]

    async def test_namespaces_are_apart(self, mailboxes: MailboxStore) -> None:
        own = await mailboxes.create(path("Work"))
        shared = await mailboxes.create(MailboxPath("#team", BOB, "Work"))
        assert own.id != shared.id
        assert await mailboxes.find(shared.path) == shared

    # rename

    async def test_rename_keeps_everything_but_the_path(self, mailboxes: MailboxStore) -> None:
        before = await mailboxes.create(path("Work"))
        await fill(mailboxes, before.id, SEEN, NO_FLAGS)
        head, rows = await mailboxes.head(before.id), await rows_of(mailboxes, before.id)
        await mailboxes.rename([(before.id, path("Done"))])
        after = await mailboxes.find(path("Done"))
        assert after is not None
        assert (after.id, after.uid_validity) == (before.id, before.uid_validity)
        assert await mailboxes.find(path("Work")) is None
        assert (await mailboxes.head(after.id), await rows_of(mailboxes, after.id)) == (head, rows)

    async def test_rename_takes_children_along(self, mailboxes: MailboxStore) -> None:
        ids = {name: await a_mailbox(mailboxes, name) for name in ("Work", "Work.2025", "Work.2025.May", "Workshop")}
        names = {"Work": "Old", "Work.2025": "Old.2025", "Work.2025.May": "Old.2025.May"}
        await mailboxes.rename([(ids[name], path(target)) for name, target in names.items()])
        assert {mailbox.path.name: mailbox.id for mailbox in await mailboxes.of_user(BOB)} == {
            **{target: ids[name] for name, target in names.items()},
            "Workshop": ids["Workshop"],
        }

    async def test_rename_may_exchange_names(self, mailboxes: MailboxStore) -> None:
        a, b = await a_mailbox(mailboxes, "A"), await a_mailbox(mailboxes, "B")
        await mailboxes.rename([(a, path("B")), (b, path("A"))])
        assert {mailbox.path.name: mailbox.id for mailbox in await mailboxes.of_user(BOB)} == {"A": b, "B": a}

    async def test_rename_is_all_or_none(self, mailboxes: MailboxStore) -> None:
        ids = {name: await a_mailbox(mailboxes, name) for name in ("Work", "Work.a", "Taken")}
        with pytest.raises(AlreadyExists):
            await mailboxes.rename([(ids["Work"], path("New")), (ids["Work.a"], path("Taken"))])
        with pytest.raises(NotFound):
            await mailboxes.rename([(ids["Work"], path("New")), (MailboxId("unknown"), path("New.a"))])
        assert {mailbox.path.name: mailbox.id for mailbox in await mailboxes.of_user(BOB)} == ids

    async def test_a_name_that_was_left_can_be_used(self, mailboxes: MailboxStore) -> None:
        old = await mailboxes.create(path("Work"))
        await mailboxes.rename([(old.id, path("Old"))])
        new = await mailboxes.create(path("Work"))
        assert new.id != old.id
        assert new.uid_validity > old.uid_validity, "RFC 3501 §2.3.1.1: a name that is used again has a higher one"

    # delete

    async def test_delete(self, mailboxes: MailboxStore) -> None:
        kept, gone = await a_mailbox(mailboxes, "Work"), await a_mailbox(mailboxes, "Work.gone")
        (appended,) = await fill(mailboxes, gone, NO_FLAGS)
        await fill(mailboxes, kept, NO_FLAGS)
        await mailboxes.delete(gone)
        assert await mailboxes.find(path("Work.gone")) is None
        with pytest.raises(NotFound):
            await mailboxes.head(gone)
        assert await mailboxes.locate(appended.message_id) == []
        assert await uids_of(mailboxes, kept) == [1]
        with pytest.raises(NotFound):
            await mailboxes.delete(gone)

    async def test_a_mailbox_that_must_be_empty_keeps_its_messages(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        with pytest.raises(NotEmpty):
            await mailboxes.delete(mailbox, only_empty=True)
        assert await uids_of(mailboxes, mailbox) == [1]
        await mailboxes.remove(mailbox, uids(1))
        await mailboxes.delete(mailbox, only_empty=True)
        with pytest.raises(NotFound):
            await mailboxes.delete(mailbox, only_empty=True)

    async def test_a_message_that_comes_while_its_mailbox_goes_is_kept_or_refused(
        self, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        calls = [mailboxes.append(mailbox, [message()]) for _ in range(10)]
        *results, deletion = await asyncio.gather(
            *calls, mailboxes.delete(mailbox, only_empty=True), return_exceptions=True
        )
        refused = [isinstance(one, NotFound) for one in results]
        assert all(refused) if deletion is None else not any(refused), (results, deletion)
        assert deletion is None or isinstance(deletion, NotEmpty)

    async def test_a_deleted_mailbox_that_is_made_again_is_another(self, mailboxes: MailboxStore) -> None:
        old = await mailboxes.create(path("Work"))
        await fill(mailboxes, old.id, NO_FLAGS)
        await mailboxes.store_flags(old.id, EVERYTHING, FlagsMode.ADD, DELETED)
        await mailboxes.expunge(old.id)
        await mailboxes.delete(old.id)
        new = await mailboxes.create(path("Work"))
        assert new.id != old.id
        assert new.uid_validity > old.uid_validity
        assert await uids_of(mailboxes, new.id) == []
        assert (await mailboxes.head(new.id)).keywords == frozenset()
        assert (await mailboxes.log(new.id, (await mailboxes.head(new.id)).highest_modseq)).entries == []

    async def test_a_large_mailbox_goes_whole(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        appended = await mailboxes.append(mailbox, [message()] * 1201)
        await mailboxes.delete(mailbox)
        for one in (appended[0], appended[600], appended[-1]):
            assert await mailboxes.locate(one.message_id) == []

    async def test_nothing_can_be_done_with_a_mailbox_that_is_gone(self, mailboxes: MailboxStore) -> None:
        kept, gone = await a_mailbox(mailboxes, "Kept"), await a_mailbox(mailboxes, "Gone")
        await fill(mailboxes, kept, NO_FLAGS)
        await fill(mailboxes, gone, NO_FLAGS)
        await mailboxes.delete(gone)
        since = (await mailboxes.head(kept)).highest_modseq
        with pytest.raises(NotFound):
            await mailboxes.append(gone, [message()])
        with pytest.raises(NotFound):
            await mailboxes.copy(kept, uids(1), gone)
        with pytest.raises(NotFound):
            await mailboxes.move(kept, uids(1), gone)
        with pytest.raises(NotFound):
            await mailboxes.copy(gone, uids(1), kept)
        with pytest.raises(NotFound):
            await mailboxes.move(gone, uids(1), kept)
        with pytest.raises(NotFound):
            await mailboxes.store_flags(gone, uids(1), FlagsMode.ADD, SEEN)
        with pytest.raises(NotFound):
            await mailboxes.expunge(gone)
        with pytest.raises(NotFound):
            await mailboxes.remove(gone, uids(1))
        with pytest.raises(NotFound):
            await mailboxes.take_recent(gone)
        with pytest.raises(NotFound):
            await mailboxes.uids(gone)
        with pytest.raises(NotFound):
            await mailboxes.log(gone, since)
        with pytest.raises(NotFound):
            await mailboxes.open(gone, take_recent=True)
        with pytest.raises(NotFound):
            await rows_of(mailboxes, gone)
        assert await mailboxes.heads([gone, kept]) == {kept: await mailboxes.head(kept)}
        assert await uids_of(mailboxes, kept) == [1], "what failed has done nothing"
        assert (await mailboxes.head(kept)).highest_modseq == since

    # subscriptions

    async def test_subscriptions(self, mailboxes: MailboxStore) -> None:
        assert await mailboxes.subscriptions(BOB) == []
        for name in ("Work", "INBOX", "Work"):
            await mailboxes.subscribe(BOB, name)
        await mailboxes.subscribe(CAROL, "Work")
        assert await mailboxes.subscriptions(BOB) == ["INBOX", "Work"]
        await mailboxes.unsubscribe(BOB, "Work")
        await mailboxes.unsubscribe(BOB, "Work")
        assert await mailboxes.subscriptions(BOB) == ["INBOX"]
        assert await mailboxes.subscriptions(CAROL) == ["Work"]

    async def test_a_subscription_outlives_its_mailbox(self, mailboxes: MailboxStore) -> None:
        """RFC 3501 §6.3.6: the server must not unsubscribe on its own."""
        mailbox = await a_mailbox(mailboxes, "Work")
        await mailboxes.subscribe(BOB, "Work")
        await mailboxes.delete(mailbox)
        assert await mailboxes.subscriptions(BOB) == ["Work"]

    # other processes, hints

    async def test_another_process_sees_what_is_finished(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes, "Work")
        await fill(mailboxes, mailbox, SEEN, NO_FLAGS)
        await mailboxes.subscribe(BOB, "Work")
        other = mailboxes_elsewhere
        assert await other.find(path("Work")) == await mailboxes.find(path("Work"))
        assert await other.head(mailbox) == await mailboxes.head(mailbox)
        assert await rows_of(other, mailbox) == await rows_of(mailboxes, mailbox)
        assert await other.subscriptions(BOB) == ["Work"]

    async def test_two_processes_write_in_turn(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        stores = (mailboxes, mailboxes_elsewhere)
        found = await asyncio.gather(*(stores[n % 2].append(mailbox, [message()]) for n in range(20)))
        assert sorted(one.uid for (one,) in found) == list(range(1, 21))
        assert len({one.modseq for (one,) in found}) == 20
        assert await mailboxes.uids(mailbox) == await mailboxes_elsewhere.uids(mailbox)

    @pytest.mark.parametrize("is_far", [False, True], ids=["here", "elsewhere"])
    async def test_a_watcher_is_woken(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore, is_far: bool
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        writer = mailboxes_elsewhere if is_far else mailboxes
        woken = asyncio.Event()
        end = mailboxes.watch(mailbox, woken.set)

        async def wakes() -> None:
            await asyncio.wait_for(woken.wait(), WAIT_SECONDS)
            woken.clear()

        await fill(writer, mailbox, NO_FLAGS)
        await wakes()
        await writer.store_flags(mailbox, uids(1), FlagsMode.ADD, DELETED)
        await wakes()
        await writer.expunge(mailbox)
        await wakes()
        await writer.delete(mailbox)
        await wakes()
        end()

    async def test_a_watcher_hears_of_what_came_before_it(
        self, mailboxes: MailboxStore, mailboxes_elsewhere: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        seen = (await mailboxes.head(mailbox)).highest_modseq
        await fill(mailboxes_elsewhere, mailbox, NO_FLAGS)
        first, second = asyncio.Event(), asyncio.Event()
        ends = [mailboxes.watch(mailbox, first.set), mailboxes.watch(mailbox, second.set, seen)]
        async with asyncio.timeout(WAIT_SECONDS):
            await second.wait()
        for end in ends:
            end()

    async def test_a_watch_ends(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        ended, woken = asyncio.Event(), asyncio.Event()
        mailboxes.watch(mailbox, ended.set)()
        end = mailboxes.watch(mailbox, woken.set)
        await fill(mailboxes, mailbox, NO_FLAGS)
        await asyncio.wait_for(woken.wait(), WAIT_SECONDS)
        assert not ended.is_set()
        end()
