"""What every mailbox store keeps to as to flags and the change log. Subclasses give the fixture `mailboxes`."""

import asyncio

from compostela.core.mailbox.log import MAX_MESSAGES_OF_A_MODSEQ, Change, LogEntry, TreeChange, TreeEntry
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, ModSeq, Uid
from compostela.model.uid_set import UidSet
from tests.contracts.mailbox_parts import (
    BOB,
    CAROL,
    DELETED,
    EVERYTHING,
    FLAGGED,
    SEEN,
    a_mailbox,
    check_counts,
    fill,
    flags_of,
    log_of,
    message,
    path,
    rows_of,
    told_since,
    uids,
    uids_of,
)

WORK = Flags.of(keywords=["$Work"])


async def modseq_of(store: MailboxStore, mailbox: MailboxId) -> ModSeq:
    return (await store.head(mailbox)).highest_modseq


class MailboxChangesContract:
    ports = (MailboxStore,)

    # flags

    async def test_flags_are_replaced_added_and_removed(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, SEEN, SEEN, SEEN, SEEN)
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.REPLACE, FLAGGED | WORK)
        await mailboxes.store_flags(mailbox, uids(2), FlagsMode.ADD, FLAGGED | WORK)
        await mailboxes.store_flags(mailbox, uids(2, 3), FlagsMode.REMOVE, SEEN)
        assert await flags_of(mailboxes, mailbox) == {1: FLAGGED | WORK, 2: FLAGGED | WORK, 3: NO_FLAGS, 4: SEEN}
        assert (await mailboxes.open(mailbox, take_recent=False)).first_unseen == 1
        await check_counts(mailboxes, mailbox)

    async def test_one_call_takes_one_modseq(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, *[NO_FLAGS] * 5)
        before = await modseq_of(mailboxes, mailbox)
        result = await mailboxes.store_flags(mailbox, UidSet([(2, 4), (8, 9)]), FlagsMode.ADD, SEEN)
        assert [row.uid for row in result.updated] == [2, 3, 4]
        (modseq,) = {row.modseq for row in result.updated}
        assert modseq > before
        assert modseq == await modseq_of(mailboxes, mailbox)
        assert result.updated == [row[:3] for row in await rows_of(mailboxes, mailbox, UidSet([(2, 4)]))]
        assert result.modified == UidSet()

    async def test_a_flag_that_is_there_moves_nothing(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, SEEN, NO_FLAGS)
        before = await rows_of(mailboxes, mailbox)
        result = await mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, SEEN)
        assert (result.updated, result.modified) == ([before[0][:3]], UidSet())
        assert await rows_of(mailboxes, mailbox) == before
        result = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
        assert result.updated[0] == before[0][:3]
        assert result.updated[1].modseq > before[1].modseq

    async def test_system_flags_and_keywords_live_side_by_side(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        every = Flags.of(*SystemFlag, keywords=["$Forwarded", "NonJunk", "a.b-c"])
        await fill(mailboxes, mailbox, every)
        assert await flags_of(mailboxes, mailbox) == {1: every}
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.REMOVE, Flags.of(keywords=["NonJunk"]))
        assert await flags_of(mailboxes, mailbox) == {1: every - Flags.of(keywords=["NonJunk"])}
        assert (await mailboxes.head(mailbox)).keywords == every.keywords, "keywords that were ever used"

    async def test_flag_changes_at_once_are_all_kept(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        keywords = [f"k{n}" for n in range(30)]
        await asyncio.gather(
            *(
                mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, Flags.of(keywords=[keyword]))
                for keyword in keywords
            )
        )
        assert await flags_of(mailboxes, mailbox) == {1: Flags.of(keywords=keywords)}

    async def test_a_change_of_flags_tells_what_modseq_it_found(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, SEEN)
        known = await modseq_of(mailboxes, mailbox)
        first = await mailboxes.store_flags(mailbox, uids(2), FlagsMode.ADD, FLAGGED)
        second = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
        assert first.before[0] <= known < first.updated[0].modseq
        assert [row.uid for row in second.updated] == [1, 2]
        assert second.before[0] <= known
        assert second.before[1] == first.updated[0].modseq == second.updated[1].modseq

    # UNCHANGEDSINCE

    async def test_unchanged_since_protects_what_changed(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS, NO_FLAGS)
        known = await modseq_of(mailboxes, mailbox)
        await mailboxes.store_flags(mailbox, uids(2), FlagsMode.ADD, FLAGGED)
        result = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN, unchanged_since=known)
        assert [row.uid for row in result.updated] == [1, 3]
        assert result.modified == uids(2)
        assert await flags_of(mailboxes, mailbox) == {1: SEEN, 2: FLAGGED, 3: SEEN}

    async def test_unchanged_since_nothing_protects_everything(self, mailboxes: MailboxStore) -> None:
        """RFC 7162 §3.1.3: UNCHANGEDSINCE 0 fails for every message."""
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        before = await modseq_of(mailboxes, mailbox)
        result = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN, unchanged_since=ModSeq(0))
        assert (result.updated, result.modified) == ([], uids(1, 2))
        assert await modseq_of(mailboxes, mailbox) == before

    async def test_of_two_who_know_the_same_state_one_wins(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        known = await modseq_of(mailboxes, mailbox)
        results = await asyncio.gather(
            *(
                mailboxes.store_flags(mailbox, uids(1), FlagsMode.REPLACE, Flags.of(keywords=[name]), known)
                for name in ("a", "b", "c", "d")
            )
        )
        winners = [result.updated[0].flags for result in results if result.updated]
        assert len(winners) == 1
        assert await flags_of(mailboxes, mailbox) == {1: winners[0]}
        assert [result.modified for result in results if not result.updated] == [uids(1)] * 3

    # the change log

    async def test_changes_since_a_modseq(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        empty = await modseq_of(mailboxes, mailbox)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS, NO_FLAGS)
        filled = await modseq_of(mailboxes, mailbox)
        await mailboxes.store_flags(mailbox, uids(3), FlagsMode.ADD, DELETED)
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, SEEN)
        flagged = await modseq_of(mailboxes, mailbox)
        await mailboxes.expunge(mailbox)
        await fill(mailboxes, mailbox, NO_FLAGS)
        assert await told_since(mailboxes, mailbox, empty) == ([1, 2, 4], [3])
        assert await told_since(mailboxes, mailbox, filled) == ([1, 4], [3])
        assert await told_since(mailboxes, mailbox, flagged) == ([4], [3])
        now = await mailboxes.log(mailbox, await modseq_of(mailboxes, mailbox))
        assert (now.entries, now.head, now.complete, now.is_last) == ([], await mailboxes.head(mailbox), True, True)

    async def test_entries_tell_the_state_before_and_after(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        since = await modseq_of(mailboxes, mailbox)
        await fill(mailboxes, mailbox, WORK)
        (row,) = await rows_of(mailboxes, mailbox)
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, SEEN)
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.REPLACE, DELETED)
        await mailboxes.expunge(mailbox)
        added, seen, deleted, expunged = await log_of(mailboxes, mailbox, since)
        facts = (row.size, row.internal_date, row.save_date, row.message_id)
        assert added == LogEntry(added.modseq, Uid(1), Change.ADDED, WORK, None, *facts)
        assert seen == LogEntry(seen.modseq, Uid(1), Change.FLAGS_UPDATED, WORK | SEEN, WORK, *facts)
        assert deleted == LogEntry(deleted.modseq, Uid(1), Change.FLAGS_UPDATED, DELETED, WORK | SEEN, *facts)
        assert expunged == LogEntry(expunged.modseq, Uid(1), Change.EXPUNGED, DELETED, DELETED, *facts)
        modseqs = [entry.modseq for entry in (added, seen, deleted, expunged)]
        assert modseqs == sorted(set(modseqs))
        assert modseqs[-1] == await modseq_of(mailboxes, mailbox)

    async def test_copies_and_moves_are_in_both_logs(self, mailboxes: MailboxStore) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        await fill(mailboxes, source, SEEN, WORK)
        before = await modseq_of(mailboxes, source), await modseq_of(mailboxes, target)
        await mailboxes.copy(source, uids(1), target)
        await mailboxes.move(source, uids(2), target)
        there = await log_of(mailboxes, target, before[1])
        assert [(one.uid, one.change, one.flags) for one in there] == [(1, Change.ADDED, SEEN), (2, Change.ADDED, WORK)]
        (gone,) = await log_of(mailboxes, source, before[0])
        assert (gone.uid, gone.change, gone.message_id) == (2, Change.EXPUNGED, there[1].message_id)

    async def test_a_message_that_came_and_went_is_told_as_gone(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        since = await modseq_of(mailboxes, mailbox)
        await fill(mailboxes, mailbox, DELETED)
        await mailboxes.expunge(mailbox)
        assert await told_since(mailboxes, mailbox, since) == ([], [1])

    async def test_changes_of_a_future_modseq_are_none(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        assert await told_since(mailboxes, mailbox, ModSeq(10**12)) == ([], [])

    async def test_pages_are_bounded_and_hold_whole_modseqs(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        empty = await modseq_of(mailboxes, mailbox)
        await mailboxes.append(mailbox, [message()] * 2500)
        await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
        await mailboxes.remove(mailbox, UidSet([(1, 1200)]))
        assert await told_since(mailboxes, mailbox, empty) == (list(range(1201, 2501)), list(range(1, 1201)))
        since, seen = empty, set[ModSeq]()
        while True:
            page = await mailboxes.log(mailbox, since, MAX_MESSAGES_OF_A_MODSEQ)
            modseqs = {entry.modseq for entry in page.entries}
            assert len(page.entries) <= MAX_MESSAGES_OF_A_MODSEQ
            assert not modseqs & seen
            assert all(since < one <= page.until for one in modseqs)
            seen |= modseqs
            since = page.until
            if page.is_last:
                break
        assert seen == set(range(empty + 1, await modseq_of(mailboxes, mailbox) + 1)), "ModSeqs are dense"

    async def test_whoever_follows_the_log_knows_the_mailbox(self, mailboxes: MailboxStore) -> None:
        """A reader of the log alone, while others write, ends with the mailbox's state, and never gets a change from before the
        point that it had reached."""
        mailbox = await a_mailbox(mailboxes)
        known: dict[Uid, Flags] = {}
        at = await modseq_of(mailboxes, mailbox)

        async def follow() -> None:
            nonlocal at
            page = await mailboxes.log(mailbox, at)
            assert page.complete
            for entry in page.entries:
                assert at < entry.modseq <= page.until
                assert (entry.uid in known) is (entry.change is not Change.ADDED)
                assert entry.flags_before == known.get(entry.uid)
                if entry.change is Change.EXPUNGED:
                    del known[entry.uid]
                else:
                    known[entry.uid] = entry.flags
            if page.is_last:
                assert len(known) == page.head.messages
                assert not known or max(known) < page.head.uid_next
            at = page.until

        async def write(number: int) -> None:
            (appended,) = await mailboxes.append(mailbox, [message()])
            await mailboxes.store_flags(mailbox, uids(appended.uid), FlagsMode.ADD, DELETED if number % 3 else SEEN)
            if number % 2:
                await mailboxes.expunge(mailbox, uids(appended.uid))

        writers = asyncio.gather(*(write(number) for number in range(40)))
        while not writers.done():
            await follow()
            await asyncio.sleep(0)
        await writers
        await follow()
        assert known == await flags_of(mailboxes, mailbox)
        assert sorted(known) == await uids_of(mailboxes, mailbox)

    # the log of a user's tree

    async def test_a_tree_tells_what_happened_to_its_names(self, mailboxes: MailboxStore) -> None:
        assert (await mailboxes.tree(BOB, ModSeq(0))).entries == []
        work = await mailboxes.create(path("Work"))
        await mailboxes.create(path("Work", CAROL))
        await mailboxes.subscribe(BOB, "Work")
        await mailboxes.rename([(work.id, path("Play"))])
        await mailboxes.subscribe(BOB, "Work")
        await mailboxes.unsubscribe(BOB, "Work")
        await mailboxes.delete(work.id)
        page = await mailboxes.tree(BOB, ModSeq(0))
        assert page.is_last
        assert page.complete
        assert [entry[1:] for entry in page.entries] == [
            (TreeChange.CREATED, work.id, path("Work"), None),
            (TreeChange.SUBSCRIBED, None, path("Work"), None),
            (TreeChange.RENAMED, work.id, path("Play"), path("Work")),
            (TreeChange.UNSUBSCRIBED, None, path("Work"), None),
            (TreeChange.DELETED, work.id, path("Play"), None),
        ]
        modseqs = [entry.modseq for entry in page.entries]
        assert modseqs == sorted(set(modseqs))
        assert (await mailboxes.tree(BOB, modseqs[2])).entries == page.entries[3:]
        assert (await mailboxes.tree(BOB, page.highest_modseq)).entries == []

    async def test_a_rename_of_a_whole_tree_is_one_step_of_its_log(self, mailboxes: MailboxStore) -> None:
        made = [await mailboxes.create(path(f"A{number}")) for number in range(5)]
        since = (await mailboxes.tree(BOB, ModSeq(0))).highest_modseq
        await mailboxes.rename([(one.id, path(f"B{number}")) for number, one in enumerate(made)])
        page = await mailboxes.tree(BOB, since, 2)
        assert len({entry.modseq for entry in page.entries}) == 1
        assert page.entries == [
            TreeEntry(page.until, TreeChange.RENAMED, one.id, path(f"B{number}"), one.path)
            for number, one in enumerate(made)
        ]

    async def test_a_mailbox_that_changes_its_user_leaves_one_tree_for_the_other(self, mailboxes: MailboxStore) -> None:
        work = await mailboxes.create(path("Work"))
        await mailboxes.rename([(work.id, path("Work", CAROL))])
        gone = (await mailboxes.tree(BOB, ModSeq(1))).entries
        (came,) = (await mailboxes.tree(CAROL, ModSeq(0))).entries
        assert [(entry.change, entry.mailbox) for entry in gone] == [(TreeChange.DELETED, work.id)]
        assert (came.change, came.mailbox, came.path) == (TreeChange.CREATED, work.id, path("Work", CAROL))
