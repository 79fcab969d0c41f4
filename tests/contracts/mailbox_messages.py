"""What every mailbox store keeps to as to messages. Subclasses give the fixtures `mailboxes` and `stored_octets`, which tells
how many octets of bodies the store holds."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace

from compostela.core.mailbox.model import Copied
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, MessageId, Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from tests.contracts.mailbox_parts import (
    DATE,
    DELETED,
    EVERYTHING,
    FLAGGED,
    HEADER,
    SEEN,
    a_mailbox,
    check_counts,
    effect,
    fill,
    flags_of,
    message,
    octets_of,
    row_of,
    rows_of,
    told_since,
    uids,
    uids_of,
)

StoredOctets = Callable[[], Awaitable[int]]


class MailboxMessagesContract:
    ports = (MailboxStore,)

    # append

    async def test_append_keeps_the_message_octet_for_octet(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        body = bytes(range(256)) * 8
        flags = Flags.of(SystemFlag.SEEN, SystemFlag.DRAFT, keywords=["$Work", "später"])
        (appended,) = await mailboxes.append(mailbox, [message(body, flags, b"Broken header\n")])
        stored = await mailboxes.message(mailbox, appended.uid)
        assert stored is not None
        assert (stored.content.header, await stored.content.body.read()) == (b"Broken header\n", body)
        assert stored.structure == b"structure"
        row = await row_of(mailboxes, mailbox, appended.uid)
        assert row is not None
        assert (row.uid, row.modseq, row.message_id) == appended
        assert (row.flags, row.internal_date, row.size) == (flags, DATE, len(body) + len(b"Broken header\n"))
        assert (await mailboxes.head(mailbox)).keywords == {"$Work", "später"}
        assert await mailboxes.locate(appended.message_id) == [(mailbox, appended.uid)]

    async def test_uids_and_modseqs_only_grow(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        before = (await mailboxes.head(mailbox)).highest_modseq
        found = await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS, NO_FLAGS)
        assert [one.uid for one in found] == [1, 2, 3]
        modseqs = [before, *(one.modseq for one in found)]
        assert modseqs == sorted(set(modseqs))
        await mailboxes.remove(mailbox, uids(3))
        (again,) = await fill(mailboxes, mailbox, NO_FLAGS)
        assert again.uid == 4, "RFC 3501 §2.3.1.1: a UID is never used again"
        assert again.message_id not in {one.message_id for one in found}

    async def test_messages_of_one_call_come_together(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        found = await mailboxes.append(mailbox, [message(b"a"), message(b"b"), message(b"c")])
        assert [one.uid for one in found] == [1, 2, 3]
        assert len({one.modseq for one in found}) == 1
        assert [await octets_of(mailboxes, mailbox, n) for n in (1, 2, 3)] == [HEADER + b for b in (b"a", b"b", b"c")]
        assert await mailboxes.append(mailbox, []) == []
        await check_counts(mailboxes, mailbox)

    async def test_appends_at_once_each_get_their_own(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        seen: list[list[int]] = []

        async def append(number: int) -> tuple[int, int]:
            (appended,) = await mailboxes.append(mailbox, [message(b"%d" % number)])
            seen.append(await uids_of(mailboxes, mailbox))
            assert appended.uid in seen[-1], "a process sees its own finished writes"
            return appended.uid, number

        found = dict(await asyncio.gather(*(append(number) for number in range(60))))
        assert sorted(found) == list(range(1, 61))
        for known in seen:
            assert known == list(range(1, len(known) + 1)), "below a UID that is readable all are"
        for uid, number in found.items():
            assert await octets_of(mailboxes, mailbox, uid) == HEADER + b"%d" % number
        await check_counts(mailboxes, mailbox)

    async def test_one_body_for_many_recipients_is_stored_once(
        self, mailboxes: MailboxStore, stored_octets: StoredOctets
    ) -> None:
        body = random.Random(1).randbytes(200_000)
        owners = [await a_mailbox(mailboxes, user=Username(f"user{n}@example.org")) for n in range(20)]
        before = await stored_octets()
        for n, mailbox in enumerate(owners):
            await mailboxes.append(mailbox, [message(body, header=b"Delivered-To: user%d\r\n\r\n" % n)])
        assert len(body) <= await stored_octets() - before < 2 * len(body)
        for n, mailbox in enumerate(owners):
            assert await octets_of(mailboxes, mailbox, 1) == b"Delivered-To: user%d\r\n\r\n" % n + body

    # effects

    async def test_an_effect_appends_once(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        first = await mailboxes.append(mailbox, [message(b"a"), message(b"b")], effect())
        head = await mailboxes.head(mailbox)
        assert await mailboxes.append(mailbox, [message(b"a"), message(b"b")], effect()) == first
        assert await mailboxes.head(mailbox) == head
        await mailboxes.append(mailbox, [message()], effect("other"))
        await mailboxes.append(mailbox, [message()], effect(entry="another-entry"))
        assert await uids_of(mailboxes, mailbox) == [1, 2, 3, 4]

    async def test_an_effect_asked_for_at_once_appends_once(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        found = await asyncio.gather(*(mailboxes.append(mailbox, [message()], effect()) for _ in range(10)))
        assert all(one == found[0] for one in found)
        assert await uids_of(mailboxes, mailbox) == [1]

    async def test_an_effect_stays_seen_when_its_message_is_gone(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message()], effect())
        await mailboxes.remove(mailbox, uids(1))
        await mailboxes.append(mailbox, [message()], effect())
        assert await uids_of(mailboxes, mailbox) == []

    # copy and move

    async def test_copy(self, mailboxes: MailboxStore) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        flags = Flags.of(SystemFlag.FLAGGED, keywords=["$Work"])
        await fill(mailboxes, source, flags, SEEN, NO_FLAGS)
        await fill(mailboxes, target, NO_FLAGS)
        head = await mailboxes.head(source)
        copied = await mailboxes.copy(source, UidSet([(1, 2), (7, 9)]), target)
        assert copied == Copied(uids(1, 2), uids(2, 3), (await mailboxes.head(target)).highest_modseq)
        originals = {row.uid: row for row in await rows_of(mailboxes, source)}
        for source_uid, uid in zip(copied.source, copied.target, strict=True):
            row, original = await row_of(mailboxes, target, uid), originals[source_uid]
            assert row is not None
            assert (row.flags, row.internal_date, row.size) == (original.flags, original.internal_date, original.size)
            assert (row.message_id, row.modseq) == (original.message_id, copied.modseq)
            assert await octets_of(mailboxes, target, row.uid) == await octets_of(mailboxes, source, original.uid)
        assert (await mailboxes.head(target)).keywords == {"$Work"}
        assert await mailboxes.head(source) == head
        assert sorted(await mailboxes.locate(originals[Uid(1)].message_id)) == sorted([(source, 1), (target, 2)])
        await check_counts(mailboxes, target)

    async def test_a_copy_costs_no_body(self, mailboxes: MailboxStore, stored_octets: StoredOctets) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        await mailboxes.append(source, [message(random.Random(2).randbytes(100_000))])
        before = await stored_octets()
        await mailboxes.copy(source, uids(1), target)
        assert await stored_octets() == before

    async def test_a_copy_outlives_its_original(self, mailboxes: MailboxStore) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        (original,) = await fill(mailboxes, source, NO_FLAGS)
        await mailboxes.copy(source, uids(1), target)
        await mailboxes.delete(source)
        assert await octets_of(mailboxes, target, 1) == HEADER + b"0\r\n"
        assert await mailboxes.locate(original.message_id) == [(target, 1)]

    async def test_copy_of_nothing_changes_nothing(self, mailboxes: MailboxStore) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        head = await mailboxes.head(target)
        nothing = Copied(UidSet(), UidSet(), head.highest_modseq)
        assert await mailboxes.copy(source, EVERYTHING, target) == nothing
        assert await mailboxes.move(source, EVERYTHING, target) == nothing
        assert await mailboxes.head(target) == head

    async def test_move(self, mailboxes: MailboxStore) -> None:
        source, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        first, *_ = await fill(mailboxes, source, SEEN, NO_FLAGS, DELETED)
        before = await mailboxes.head(source)
        moved = await mailboxes.move(source, uids(1, 3), target)
        assert (moved.source, moved.target) == (uids(1, 3), uids(1, 2))
        assert await uids_of(mailboxes, source) == [2]
        assert await flags_of(mailboxes, target) == {1: SEEN, 2: DELETED}
        assert await told_since(mailboxes, source, before.highest_modseq) == ([], [1, 3])
        assert await octets_of(mailboxes, target, 2) == HEADER + b"2\r\n"
        assert await mailboxes.locate(first.message_id) == [(target, 1)]
        await check_counts(mailboxes, source)
        await check_counts(mailboxes, target)

    async def test_move_within_a_mailbox(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, SEEN, NO_FLAGS)
        await mailboxes.move(mailbox, uids(1), mailbox)
        assert await flags_of(mailboxes, mailbox) == {2: NO_FLAGS, 3: SEEN}
        assert await octets_of(mailboxes, mailbox, 3) == HEADER + b"0\r\n"
        await check_counts(mailboxes, mailbox)

    async def test_moves_at_once_leave_one_message(self, mailboxes: MailboxStore) -> None:
        source = await a_mailbox(mailboxes)
        targets = [await a_mailbox(mailboxes, name) for name in ("A", "B", "C")]
        (appended,) = await fill(mailboxes, source, NO_FLAGS)
        moved = await asyncio.gather(*(mailboxes.move(source, uids(1), target) for target in targets))
        places = await mailboxes.locate(appended.message_id)
        assert sorted(len(one.source) for one in moved) == [0, 0, 1]
        assert len(places) == 1
        assert places[0][0] in targets

    # expunge and remove

    async def test_expunge_takes_what_is_flagged_deleted(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, DELETED, NO_FLAGS, DELETED | SEEN, SEEN, DELETED)
        assert (await mailboxes.expunge(mailbox, uids(3, 4)))[0] == uids(3)
        removed, modseq = await mailboxes.expunge(mailbox)
        assert removed == uids(1, 5)
        assert modseq == (await mailboxes.head(mailbox)).highest_modseq
        assert await uids_of(mailboxes, mailbox) == [2, 4]
        await check_counts(mailboxes, mailbox)

    async def test_expunge_of_nothing_changes_nothing(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        head = await mailboxes.head(mailbox)
        assert await mailboxes.expunge(mailbox) == (UidSet(), head.highest_modseq)
        assert await mailboxes.remove(mailbox, uids(7)) == UidSet()
        assert await mailboxes.head(mailbox) == head

    async def test_remove_takes_any(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, DELETED, SEEN)
        assert await mailboxes.remove(mailbox, UidSet([(2, 9)])) == uids(2, 3)
        assert await uids_of(mailboxes, mailbox) == [1]
        await check_counts(mailboxes, mailbox)

    async def test_a_message_that_was_given_can_be_read_to_its_end(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message(b"some text")])
        given = await mailboxes.message(mailbox, Uid(1))
        await mailboxes.remove(mailbox, uids(1))
        assert given is not None
        assert await given.content.read() == HEADER + b"some text"
        assert await mailboxes.message(mailbox, Uid(1)) is None

    async def test_large_mailboxes(self, mailboxes: MailboxStore) -> None:
        """More messages than an implementation is likely to take in one step."""
        mailbox, target = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")
        await mailboxes.append(mailbox, [message(flags=DELETED)] * 1300)
        before = (await mailboxes.head(mailbox)).highest_modseq
        assert len((await mailboxes.copy(mailbox, EVERYTHING, target)).target) == 1300
        removed, modseq = await mailboxes.expunge(mailbox, UidSet([(1, 1100)]))
        assert removed == UidSet([(1, 1100)])
        assert await told_since(mailboxes, mailbox, before) == ([], list(removed))
        assert (await mailboxes.head(mailbox)).highest_modseq == modseq
        assert await mailboxes.remove(target, EVERYTHING) == UidSet([(1, 1300)])
        await check_counts(mailboxes, mailbox)
        await check_counts(mailboxes, target)

    # reading

    async def test_rows_come_in_bounded_batches_in_uid_order(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message()] * 2050)
        await mailboxes.remove(mailbox, UidSet([(10, 20)]))
        batches = [batch async for batch in mailboxes.rows(mailbox)]
        assert all(0 < len(batch) <= 1000 for batch in batches)
        assert [row.uid for batch in batches for row in batch] == [*range(1, 10), *range(21, 2051)]
        chosen = await rows_of(mailboxes, mailbox, UidSet([(5, 25), (2049, 9999)]))
        assert [row.uid for row in chosen] == [*range(5, 10), *range(21, 26), 2049, 2050]

    async def test_flags_are_the_beginning_of_rows(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message(flags=SEEN), message(flags=Flags.of(keywords=["$Work"]))] * 600)
        for chosen in (None, UidSet([(5, 25), (1100, 9999)])):
            batches = [batch async for batch in mailboxes.flags(mailbox, chosen)]
            assert all(0 < len(batch) <= 1000 for batch in batches)
            assert [tuple(one) for batch in batches for one in batch] == [
                row[:3] for row in await rows_of(mailboxes, mailbox, chosen)
            ]

    async def test_header_blocks(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message(header=b"X-Number: %d\r\n\r\n" % n) for n in range(1, 1201)])
        batches = [batch async for batch in mailboxes.headers(mailbox, UidSet([(3, 1150), (1200, 1300)]))]
        assert all(0 < len(batch) <= 1000 for batch in batches)
        assert [one for batch in batches for one in batch] == [
            (n, b"X-Number: %d\r\n\r\n" % n) for n in (*range(3, 1151), 1200)
        ]
        assert [batch async for batch in mailboxes.headers(mailbox, uids(1201))] == []

    async def test_structures(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [replace(message(), structure=b"notes %d" % n) for n in range(1, 1201)])
        batches = [batch async for batch in mailboxes.structures(mailbox, UidSet([(3, 1150), (1200, 1300)]))]
        assert all(0 < len(batch) <= 1000 for batch in batches)
        assert [one for batch in batches for one in batch] == [(n, b"notes %d" % n) for n in (*range(3, 1151), 1200)]
        assert [batch async for batch in mailboxes.structures(mailbox, uids(1201))] == []

    async def test_rows_of_nothing(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        assert [batch async for batch in mailboxes.rows(mailbox)] == []
        await fill(mailboxes, mailbox, NO_FLAGS)
        assert await rows_of(mailboxes, mailbox, UidSet()) == []
        assert await rows_of(mailboxes, mailbox, uids(2)) == []
        assert await row_of(mailboxes, mailbox, 2) is None

    async def test_writes_go_on_between_two_batches(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message()] * 1500)
        found: list[int] = []
        async for batch in mailboxes.rows(mailbox):
            found += [row.uid for row in batch]
            await mailboxes.remove(mailbox, uids(batch[0].uid, 1400))
            await mailboxes.append(mailbox, [message()])
        assert found == sorted(set(found))
        assert set(range(1, 1501)) - {1400} <= set(found)

    async def test_several_messages_at_once(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message(b"%d" % n) for n in range(1, 101)])
        found = await mailboxes.messages(mailbox, [Uid(n) for n in (3, 100, 101)])
        assert {uid: await one.content.read() for uid, one in found.items()} == {
            3: HEADER + b"3",
            100: HEADER + b"100",
        }
        assert len(await mailboxes.messages(mailbox, [Uid(n) for n in range(1, 101)])) == 100
        assert await mailboxes.messages(mailbox, []) == {}

    async def test_an_unknown_message_is_nowhere(self, mailboxes: MailboxStore) -> None:
        assert await mailboxes.locate(MessageId("unknown")) == []

    async def test_recent_messages_go_to_one_session(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        assert await mailboxes.take_recent(mailbox) == 1
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        taken = await asyncio.gather(*(mailboxes.take_recent(mailbox) for _ in range(5)))
        assert sorted(taken) == [1, 3, 3, 3, 3]
        await fill(mailboxes, mailbox, NO_FLAGS)
        head = await mailboxes.head(mailbox)
        assert (head.first_recent_uid, head.recent) == (3, 1)
        assert await mailboxes.take_recent(mailbox) == 3
        assert await mailboxes.take_recent(mailbox) == 4

    async def test_of_sessions_that_open_at_once_one_gets_the_recent(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        looking = await mailboxes.open(mailbox, take_recent=False)
        assert (looking.first_recent_uid, looking.head.recent) == (1, 2)
        opened = await asyncio.gather(*(mailboxes.open(mailbox, take_recent=True) for _ in range(5)))
        assert sorted(one.first_recent_uid for one in opened) == [1, 3, 3, 3, 3]
        assert (await mailboxes.head(mailbox)).recent == 0

    async def test_expunged_messages_are_no_longer_recent(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        await mailboxes.take_recent(mailbox)
        await fill(mailboxes, mailbox, NO_FLAGS, DELETED, NO_FLAGS)
        await mailboxes.expunge(mailbox)
        await mailboxes.remove(mailbox, uids(1))
        assert (await mailboxes.head(mailbox)).recent == 2

    async def test_known_uids_are_brought_up_to_date(self, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS, NO_FLAGS)
        first = await mailboxes.open(mailbox, take_recent=False)
        await mailboxes.remove(mailbox, uids(2))
        await mailboxes.append(mailbox, [message()] * 2500)
        again = await mailboxes.open(mailbox, take_recent=False, known=(first.head.highest_modseq, first.uids))
        assert again.uids == UidSet([(1, 1), (3, 2503)])
        later = await mailboxes.open(mailbox, take_recent=False, known=(again.head.highest_modseq, again.uids))
        assert later == again

    # everything together

    async def test_counts_hold_after_anything(self, mailboxes: MailboxStore) -> None:
        chance = random.Random(20_260)
        places = [await a_mailbox(mailboxes), await a_mailbox(mailboxes, "Archive")]
        kinds = (NO_FLAGS, SEEN, DELETED, FLAGGED, SEEN | DELETED, Flags.of(keywords=["$a"]))

        async def act(mailbox: MailboxId, other: MailboxId) -> None:
            some = uids(*(chance.randint(1, 60) for _ in range(5)))
            match chance.randint(0, 6):
                case 0 | 1:
                    await mailboxes.append(mailbox, [message(b"x" * chance.randint(0, 50), chance.choice(kinds))] * 2)
                case 2 | 3:
                    await mailboxes.store_flags(mailbox, some, chance.choice(list(FlagsMode)), chance.choice(kinds))
                case 4:
                    await mailboxes.copy(mailbox, some, other)
                case 5:
                    await mailboxes.move(mailbox, some, chance.choice(places))
                case 6:
                    await mailboxes.expunge(mailbox, some)

        for _ in range(25):
            pairs = [chance.sample(places, 2) for _ in range(6)]
            await asyncio.gather(*(act(*pair) for pair in pairs))
            for mailbox in places:
                await check_counts(mailboxes, mailbox)
