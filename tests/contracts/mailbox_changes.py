"""What every mailbox store keeps to as to flags and the change log. Subclasses give the fixture `mailboxes`."""

import asyncio

from compostela.core.mailbox.model import Changes
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, ModSeq, Uid
from compostela.model.uid_set import UidSet
from tests.contracts.mailbox_parts import (
    DELETED,
    EVERYTHING,
    FLAGGED,
    SEEN,
    a_mailbox,
    check_counts,
    fill,
    flags_of,
    message,
    rows_of,
    uids,
    uids_of,
)

WORK = Flags.of(keywords=["$Work"])


async def modseq_of(store: MailboxStore, mailbox: MailboxId) -> ModSeq:
    return (await store.head(mailbox)).highest_modseq


def told(changes: Changes) -> tuple[list[Uid], list[Uid]]:
    """UIDs that changed, UIDs that went."""
    return [row.uid for row in changes.changed], changes.expunged


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
        assert await mailboxes.first_unseen(mailbox) == 1
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
        assert result.updated == await rows_of(mailboxes, mailbox, UidSet([(2, 4)]))
        assert result.modified == []

    async def test_a_flag_that_is_there_moves_nothing(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, SEEN, NO_FLAGS)
        before = await rows_of(mailboxes, mailbox)
        result = await mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, SEEN)
        assert (result.updated, result.modified) == (before[:1], [])
        assert await rows_of(mailboxes, mailbox) == before
        result = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
        assert result.updated[0] == before[0]
        assert result.updated[1].modseq > before[1].modseq

    async def test_system_flags_and_keywords_live_side_by_side(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        every = Flags.of(*SystemFlag, keywords=["$Forwarded", "NonJunk", "a.b-c"])
        await fill(mailboxes, mailbox, every)
        assert await flags_of(mailboxes, mailbox) == {1: every}
        await mailboxes.store_flags(mailbox, uids(1), FlagsMode.REMOVE, Flags.of(keywords=["NonJunk"]))
        assert await flags_of(mailboxes, mailbox) == {1: every - Flags.of(keywords=["NonJunk"])}
        assert await mailboxes.keywords(mailbox) == every.keywords, "keywords that were ever used"

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
        assert result.modified == [2]
        assert await flags_of(mailboxes, mailbox) == {1: SEEN, 2: FLAGGED, 3: SEEN}

    async def test_unchanged_since_nothing_protects_everything(self, mailboxes: MailboxStore) -> None:
        """RFC 7162 §3.1.3: UNCHANGEDSINCE 0 fails for every message."""
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        before = await modseq_of(mailboxes, mailbox)
        result = await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN, unchanged_since=ModSeq(0))
        assert (result.updated, result.modified) == ([], [1, 2])
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
        assert [result.modified for result in results if not result.updated] == [[1]] * 3

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
        assert told(await mailboxes.changes(mailbox, empty)) == ([1, 2, 4], [3])
        assert told(await mailboxes.changes(mailbox, filled)) == ([1, 4], [3])
        assert told(await mailboxes.changes(mailbox, flagged)) == ([4], [3])
        now = await mailboxes.changes(mailbox, await modseq_of(mailboxes, mailbox))
        assert (told(now), now.head, now.complete) == (([], []), await mailboxes.head(mailbox), True)

    async def test_changes_give_the_latest_state_once(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        since = await modseq_of(mailboxes, mailbox)
        for flags in (SEEN, FLAGGED, WORK):
            await mailboxes.store_flags(mailbox, uids(1), FlagsMode.ADD, flags)
        changes = await mailboxes.changes(mailbox, since)
        assert changes.changed == await rows_of(mailboxes, mailbox)
        assert changes.changed[0].flags == SEEN | FLAGGED | WORK
        assert changes.head == await mailboxes.head(mailbox)
        assert changes.complete

    async def test_a_message_that_came_and_went_is_told_as_gone(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        since = await modseq_of(mailboxes, mailbox)
        await fill(mailboxes, mailbox, DELETED)
        await mailboxes.expunge(mailbox)
        assert told(await mailboxes.changes(mailbox, since)) == ([], [1])

    async def test_changes_of_a_future_modseq_are_none(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        assert told(await mailboxes.changes(mailbox, ModSeq(10**12))) == ([], [])

    async def test_many_changes(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        empty = await modseq_of(mailboxes, mailbox)
        await mailboxes.append(mailbox, [message()] * 2500)
        await mailboxes.store_flags(mailbox, EVERYTHING, FlagsMode.ADD, SEEN)
        await mailboxes.remove(mailbox, UidSet([(1, 1200)]))
        changes = await mailboxes.changes(mailbox, empty)
        assert told(changes) == (list(range(1201, 2501)), list(range(1, 1201)))
        assert changes.head == await mailboxes.head(mailbox)

    async def test_whoever_follows_the_log_knows_the_mailbox(self, mailboxes: MailboxStore) -> None:
        """A reader who reads nothing but changes, while others write, ends with what is there and was never told of a change
        behind the point that it had reached."""
        mailbox = await a_mailbox(mailboxes)
        known: dict[Uid, Flags] = {}
        at = await modseq_of(mailboxes, mailbox)

        async def follow() -> None:
            nonlocal at
            changes = await mailboxes.changes(mailbox, at)
            assert all(at < row.modseq <= changes.head.highest_modseq for row in changes.changed)
            known.update({row.uid: row.flags for row in changes.changed})
            for uid in changes.expunged:
                known.pop(uid, None)
            assert len(known) == changes.head.messages
            assert list(known) == [] or max(known) < changes.head.uid_next
            at = changes.head.highest_modseq

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
