"""What the stores of listeners keep to. Subclasses give the fixtures `mailboxes`, `cursors`, `source`, `letters`, `usage`, and
`collect`, which does what the store does from time to time (its garbage collection); those that end in `elsewhere` are the same
stores as another node has them, `eventually` is that of `tests.contracts.distance`."""

import asyncio
from collections.abc import Awaitable, Callable

from compostela.core.events.model import LOG_END, DeadLetter, Group, LogId, Pending
from compostela.core.events.ports import CursorStore, DeadLetters, EventSource
from compostela.core.events.usage import Usage, UsageStore
from compostela.core.mailbox.log import Change, TreeChange
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.flags import NO_FLAGS
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username
from tests.contracts.distance import Eventually
from tests.contracts.mailbox_parts import BOB, CAROL, DELETED, SEEN, a_mailbox, fill, message, path, uids

G, H = "group-g", "group-h"
Collect = Callable[[], Awaitable[None]]


async def logs_of(cursors: CursorStore, group: str) -> dict[LogId, ModSeq | None]:
    """Everything that is pending for a group, by pages of two."""
    found: dict[LogId, ModSeq | None] = {}
    after: LogId | None = None
    while page := await cursors.pending(group, after, 2):
        assert not any(one.log in found for one in page)
        found.update((one.log, one.since) for one in page)
        after = page[-1].log
    return found


async def head_of(mailboxes: MailboxStore, mailbox: MailboxId) -> ModSeq:
    return (await mailboxes.head(mailbox)).highest_modseq


async def pass_all(cursors: CursorStore, group: str) -> None:
    """Save a cursor at the head of every pending log."""
    assert await cursors.acquire(group)
    while page := await cursors.pending(group):
        assert await cursors.save(group, {one.log: one.head for one in page})


class CursorsContract:
    ports = (CursorStore,)

    async def test_a_new_group_gets_a_snapshot_of_each_mailbox(
        self, cursors: CursorStore, mailboxes: MailboxStore
    ) -> None:
        old = [await a_mailbox(mailboxes, f"box{number}") for number in range(5)]
        await fill(mailboxes, old[0], NO_FLAGS)
        await cursors.register(Group(G))
        assert await logs_of(cursors, G) == dict.fromkeys(old)
        new = await a_mailbox(mailboxes, "new")
        await fill(mailboxes, new, NO_FLAGS)
        assert await logs_of(cursors, G) == {**dict.fromkeys(old), new: 0}, (
            "a new mailbox is told from its first change"
        )
        await cursors.register(Group(G))
        assert await logs_of(cursors, G) == {**dict.fromkeys(old), new: 0}, "to register again changes nothing"

    async def test_a_log_is_pending_until_the_cursor_is_at_its_head(
        self, cursors: CursorStore, mailboxes: MailboxStore
    ) -> None:
        mailbox, other = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "other")
        await cursors.register(Group(G))
        await pass_all(cursors, G)
        assert await cursors.pending(G) == []
        before = await head_of(mailboxes, mailbox)
        first, second = await fill(mailboxes, mailbox, NO_FLAGS, NO_FLAGS)
        assert await cursors.pending(G) == [Pending(mailbox, before, second.modseq)]
        assert await cursors.save(G, {mailbox: first.modseq})
        assert await cursors.pending(G) == [Pending(mailbox, first.modseq, second.modseq)]
        assert await cursors.save(G, {mailbox: second.modseq})
        assert await cursors.save(G, {mailbox: first.modseq}), "a cursor never goes back"
        assert await cursors.pending(G) == []
        await mailboxes.remove(mailbox, uids(1))
        await fill(mailboxes, other, SEEN)
        assert set(await logs_of(cursors, G)) == {mailbox, other}

    async def test_each_group_has_its_own_cursors(self, cursors: CursorStore, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        for group in (G, H):
            await cursors.register(Group(group))
        await pass_all(cursors, G)
        assert await cursors.pending(G) == []
        assert set(await logs_of(cursors, H)) == {mailbox}

    async def test_groups_are_known_until_they_are_removed(self, cursors: CursorStore, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(G, needs_content=True))
        await cursors.register(Group(H))
        assert await cursors.groups() == [Group(G, needs_content=True), Group(H)]
        await cursors.register(Group(H, follows_trees=True))
        assert await cursors.groups() == [Group(G, needs_content=True), Group(H, follows_trees=True)]
        await pass_all(cursors, G)
        await cursors.remove(G)
        await cursors.remove("unknown")
        assert [group.name for group in await cursors.groups()] == [H]
        assert await cursors.pending(G) == []
        assert not await cursors.acquire(G)
        await cursors.register(Group(G))
        assert await logs_of(cursors, G) == {mailbox: None}, "a group that was removed is new when it comes again"

    async def test_a_deleted_mailbox_is_pending_until_its_end_is_saved(
        self, cursors: CursorStore, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(G))
        await pass_all(cursors, G)
        since = await head_of(mailboxes, mailbox)
        await mailboxes.delete(mailbox)
        assert await cursors.pending(G) == [Pending(mailbox, since, LOG_END)]
        assert await cursors.save(G, {mailbox: since})
        assert await cursors.pending(G) == [Pending(mailbox, since, LOG_END)]
        assert await cursors.save(G, {mailbox: LOG_END})
        assert await cursors.pending(G) == []

    async def test_trees_are_pending_for_groups_that_follow_them(
        self, cursors: CursorStore, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(G, follows_trees=True))
        await cursors.register(Group(H))
        assert await logs_of(cursors, G) == {mailbox: None, BOB: None}
        await pass_all(cursors, G)
        await pass_all(cursors, H)
        highest = (await mailboxes.tree(BOB, ModSeq(0))).highest_modseq
        await mailboxes.subscribe(BOB, "INBOX")
        assert await cursors.pending(G) == [Pending(BOB, highest, ModSeq(highest + 1))]
        await mailboxes.create(path("INBOX", Username("7")))
        assert await logs_of(cursors, G) == {BOB: highest, Username("7"): 0}, "a user may be called 7"
        await pass_all(cursors, G)
        assert await cursors.pending(G) == await cursors.pending(H) == []

    async def test_one_lease_at_a_time(
        self, cursors: CursorStore, cursors_elsewhere: CursorStore, mailboxes: MailboxStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(G))
        assert await cursors.unattended() == [G]
        assert await cursors.acquire(G)
        assert await cursors.acquire(G), "the lease is kept"
        assert await cursors.unattended() == await cursors_elsewhere.unattended() == []
        assert not await cursors_elsewhere.acquire(G)
        assert not await cursors_elsewhere.save(G, {mailbox: ModSeq(1)})
        assert await logs_of(cursors, G) == {mailbox: None}
        await cursors_elsewhere.release(G)
        assert not await cursors_elsewhere.acquire(G), "it was not theirs to give back"
        await cursors.release(G)
        assert await cursors_elsewhere.acquire(G)
        assert not await cursors.acquire(G)
        assert not await cursors.save(G, {mailbox: ModSeq(1)})
        assert await cursors_elsewhere.save(G, {mailbox: ModSeq(1)})

    async def test_nothing_is_passed_over_while_others_write(
        self, cursors: CursorStore, mailboxes: MailboxStore, source: EventSource
    ) -> None:
        """A group that saves only what it has read is told of each change, while mailboxes change."""
        boxes = [await a_mailbox(mailboxes, f"box{number}") for number in range(4)]
        await cursors.register(Group(G))
        await pass_all(cursors, G)
        seen: dict[LogId, list[Uid]] = {box: [] for box in boxes}

        async def follow() -> None:
            for log, since, _ in await cursors.pending(G):
                assert not isinstance(log, Username)
                found = await source.read(log, since)
                assert found is not None
                seen[log] += [entry.uid for entry in found.page.entries]
                await cursors.save(G, {log: found.page.until})

        async def write(box: MailboxId) -> None:
            for _ in range(30):
                await mailboxes.append(box, [message()])

        writers = asyncio.gather(*(write(box) for box in boxes))
        while not writers.done():
            await follow()
            await asyncio.sleep(0)
        await writers
        await follow()
        assert seen == {box: list(range(1, 31)) for box in boxes}
        assert await cursors.pending(G) == []


class EventSourceContract:
    ports = (EventSource,)

    async def test_a_mailbox_with_a_page_of_its_log(self, source: EventSource, mailboxes: MailboxStore) -> None:
        made = await mailboxes.create(path("Work"))
        since = await head_of(mailboxes, made.id)
        await fill(mailboxes, made.id, NO_FLAGS, SEEN)
        found = await source.read(made.id, since)
        assert found is not None
        assert (found.mailbox, found.is_deleted) == (made, False)
        assert found.page == await mailboxes.log(made.id, since)
        snapshot = await source.read(made.id, None)
        assert snapshot is not None
        assert (snapshot.page.complete, snapshot.page.entries) == (False, [])
        assert snapshot.page.head == await mailboxes.head(made.id)
        assert await source.read(MailboxId("unknown"), None) is None

    async def test_rows_come_in_uid_order_and_in_batches(self, source: EventSource, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await mailboxes.append(mailbox, [message()] * 2300)
        batches = [batch async for batch in source.rows(mailbox, Uid(2202))]
        assert [row.uid for batch in batches for row in batch] == list(range(1, 2202))
        assert max(map(len, batches)) <= 1000
        (same,) = [row async for batch in mailboxes.rows(mailbox, uids(7)) for row in batch]
        assert batches[0][6] == same

    async def test_a_tree(self, source: EventSource, mailboxes: MailboxStore) -> None:
        work = await mailboxes.create(path("Work"))
        await mailboxes.create(path("Work", CAROL))
        assert await source.tree(BOB, ModSeq(0)) == await mailboxes.tree(BOB, ModSeq(0))
        page = await source.tree(BOB, ModSeq(0))
        assert [entry.change for entry in page.entries] == [TreeChange.CREATED]
        assert await source.of_user(BOB) == ([work], page.highest_modseq)
        assert await source.of_user(Username("nobody")) == ([], 0)

    async def test_a_deleted_mailbox_is_read_until_all_groups_have_passed_it(
        self, source: EventSource, mailboxes: MailboxStore, cursors: CursorStore, collect: Collect
    ) -> None:
        made = await mailboxes.create(path("Work"))
        for group in (G, H):
            await cursors.register(Group(group))
            await pass_all(cursors, group)
        since = await head_of(mailboxes, made.id)
        await fill(mailboxes, made.id, NO_FLAGS, SEEN)
        (row, _) = [row async for batch in mailboxes.rows(made.id) for row in batch]
        await mailboxes.delete(made.id)
        assert await mailboxes.of_user(BOB) == []
        assert await mailboxes.heads([made.id]) == {}
        assert await mailboxes.locate(row.message_id) == []
        again = await mailboxes.create(path("Work"))
        assert again.id != made.id
        for passing in (G, H):
            await collect()
            found = await source.read(made.id, since)
            assert found is not None
            assert (found.mailbox, found.is_deleted, found.page.is_last) == (made, True, True)
            assert [(entry.uid, entry.change) for entry in found.page.entries] == [(1, Change.ADDED), (2, Change.ADDED)]
            assert found.page.head.messages == 2
            assert [one async for batch in source.rows(made.id, Uid(2)) for one in batch] == [row]
            assert await source.content(row.message_id) is not None
            await pass_all(cursors, passing)
        await collect()
        assert await source.read(made.id, since) is None
        assert [one async for batch in source.rows(made.id, Uid(2)) for one in batch] == []
        assert await source.content(row.message_id) is None

    async def test_content_outlives_an_expunge_until_the_groups_that_need_it_have_passed(
        self, source: EventSource, mailboxes: MailboxStore, cursors: CursorStore, collect: Collect
    ) -> None:
        mailbox, copies = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "copies")
        await cursors.register(Group(G, needs_content=True))
        await cursors.register(Group(H))
        await pass_all(cursors, G)
        await mailboxes.append(mailbox, [message(b"first\r\n", DELETED), message(b"second\r\n", DELETED)])
        await mailboxes.copy(mailbox, uids(2), copies)
        first, second = [row.message_id async for batch in mailboxes.rows(mailbox) for row in batch]
        await mailboxes.expunge(mailbox, uids(1))
        await mailboxes.expunge(mailbox, uids(2))
        await mailboxes.delete(copies)
        await collect()
        assert await body_of(source, first) == b"first\r\n"
        assert await body_of(source, second) == b"second\r\n"
        found = await source.read(mailbox, ModSeq(0))
        assert found is not None
        assert await cursors.save(G, {mailbox: ModSeq(found.page.head.highest_modseq - 1)})
        await collect()
        assert await source.content(first) is None, "the first expunge is passed"
        assert await body_of(source, second) == b"second\r\n"
        await pass_all(cursors, G)
        await pass_all(cursors, H)
        await collect()
        assert await source.content(second) is None

    async def test_content_goes_at_once_when_no_group_needs_it(
        self, source: EventSource, mailboxes: MailboxStore, cursors: CursorStore
    ) -> None:
        mailbox = await a_mailbox(mailboxes)
        await cursors.register(Group(H))
        (placed,) = await fill(mailboxes, mailbox, NO_FLAGS)
        await mailboxes.remove(mailbox, uids(1))
        assert await source.content(placed.message_id) is None

    async def test_another_node_reads_the_same(
        self,
        source: EventSource,
        source_elsewhere: EventSource,
        mailboxes: MailboxStore,
        cursors: CursorStore,
        collect: Collect,
        eventually: Eventually,
    ) -> None:
        await cursors.register(Group(G, needs_content=True))
        made = await mailboxes.create(path("Work"))
        await mailboxes.append(made.id, [message(b"kept\r\n", DELETED)])
        (row,) = [row async for batch in mailboxes.rows(made.id) for row in batch]

        async def is_same() -> bool:
            here, there = [await one.read(made.id, ModSeq(0)) for one in (source, source_elsewhere)]
            return here is not None and here == there

        await eventually(is_same)
        assert [one async for batch in source_elsewhere.rows(made.id, Uid(9)) for one in batch] == [row]
        assert await source_elsewhere.tree(BOB, ModSeq(0)) == await source.tree(BOB, ModSeq(0))
        assert await source_elsewhere.of_user(BOB) == await source.of_user(BOB)
        await mailboxes.expunge(made.id)
        await eventually(is_same)
        assert await body_of(source_elsewhere, row.message_id) == b"kept\r\n"
        await mailboxes.delete(made.id)
        await eventually(is_same)
        await pass_all(cursors, G)
        await collect()

        async def is_gone() -> bool:
            return await source_elsewhere.read(made.id, ModSeq(0)) is None

        await eventually(is_gone)
        assert await source_elsewhere.content(row.message_id) is None


async def body_of(source: EventSource, wanted: MessageId) -> bytes:
    found = await source.content(wanted)
    assert found is not None
    return (await found.content.read()).partition(b"\r\n\r\n")[2]


def a_letter(
    name: str,
    since: int | None,
    until: int,
    *,
    group: str = G,
    log: LogId = BOB,
    failed_at: float = 1.0,
    error: str = "ValueError: no",
) -> DeadLetter:
    start = None if since is None else ModSeq(since)
    return DeadLetter(name, group, log, None, start, ModSeq(until), error, failed_at)


class DeadLettersContract:
    ports = (DeadLetters,)

    async def test_letters_stay_until_they_are_removed(self, letters: DeadLetters, mailboxes: MailboxStore) -> None:
        made = await mailboxes.create(path("Work"))
        first = a_letter("a", 1, 2, failed_at=2.0)
        second = DeadLetter("b", G, made.id, made, None, LOG_END, "TimeoutError: slow", 1.0)
        other = a_letter("c", 1, 2, group=H)
        assert (await letters.groups(), await letters.count()) == ([], 0)
        for letter in (first, second, other):
            await letters.add(letter)
        assert await letters.groups() == [G, H]
        assert await letters.count() == 3
        assert list(await letters.ids(G)) == ["b", "a"]
        assert list(await letters.ids(G, 1)) == ["b"]
        assert await letters.get(G, "a") == first
        assert await letters.get(G, "b") == second
        assert await letters.get(H, "a") is None
        await letters.remove(H, "a")
        await letters.remove(G, "a", ModSeq(1))
        assert await letters.count() == 3
        await letters.remove(G, "a", ModSeq(2))
        await letters.remove(G, "a")
        assert list(await letters.ids(G)) == ["b"]
        await letters.remove_all(G)
        assert await letters.groups() == [H]

    async def test_ranges_that_follow_each_other_are_one_letter(self, letters: DeadLetters) -> None:
        await letters.add(a_letter("a", 1, 5))
        await letters.add(a_letter("b", 5, 9, error="KeyError: x", failed_at=3.0))
        await letters.add(a_letter("c", 1, 5, failed_at=4.0))
        assert list(await letters.ids(G)) == ["a"]
        assert await letters.get(G, "a") == a_letter("a", 1, 9, failed_at=4.0)
        await letters.add(a_letter("d", 20, 21))
        await letters.add(a_letter("e", 1, 2, log=CAROL))
        assert sorted(await letters.ids(G)) == ["a", "d", "e"]

    async def test_a_snapshot_that_failed_takes_in_the_letter_before(self, letters: DeadLetters) -> None:
        await letters.add(a_letter("a", 1, 5))
        await letters.add(a_letter("b", None, 9))
        assert await letters.get(G, "a") == a_letter("a", None, 9)
        await letters.add(a_letter("c", 9, 10))
        assert list(await letters.ids(G)) == ["a"]

    async def test_letters_of_two_nodes_are_one_list(
        self, letters: DeadLetters, letters_elsewhere: DeadLetters, eventually: Eventually
    ) -> None:
        await letters.add(a_letter("a", 1, 5))
        await letters_elsewhere.add(a_letter("b", 5, 9))
        await letters_elsewhere.add(a_letter("c", 1, 2, log=CAROL, failed_at=2.0))

        async def is_complete() -> bool:
            return list(await letters.ids(G)) == ["a", "c"]

        await eventually(is_complete)
        assert await letters.get(G, "a") == await letters_elsewhere.get(G, "a") == a_letter("a", 1, 9)
        await letters.remove(G, "a", ModSeq(5))
        assert await letters_elsewhere.count() == 2, "it was extended meanwhile"
        await letters_elsewhere.remove(G, "a", ModSeq(9))

        async def is_removed() -> bool:
            return list(await letters.ids(G)) == ["c"]

        await eventually(is_removed)


class UsageContract:
    ports = (UsageStore,)

    async def test_usage_is_that_of_the_heads_that_were_recorded(
        self, usage: UsageStore, mailboxes: MailboxStore
    ) -> None:
        one, two = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "two")
        carols = await a_mailbox(mailboxes, user=CAROL)
        assert await usage.of_user(BOB) == Usage(0, 0)
        empty = await mailboxes.head(one)
        for mailbox in (one, two, carols):
            await fill(mailboxes, mailbox, NO_FLAGS, SEEN)
            await usage.record(mailbox, await mailboxes.head(mailbox))
        size = (await mailboxes.head(one)).size_bytes
        assert await usage.of_user(BOB) == Usage(4, 2 * size)
        assert await usage.of_user(CAROL) == Usage(2, size)
        await usage.record(one, empty)
        assert await usage.of_user(BOB) == Usage(4, 2 * size), "an old head changes nothing"
        await mailboxes.remove(one, UidSet([(1, 2)]))
        for _ in range(2):
            await usage.record(one, await mailboxes.head(one))
        assert await usage.of_user(BOB) == Usage(2, size)

    async def test_a_mailbox_counts_for_its_owner(self, usage: UsageStore, mailboxes: MailboxStore) -> None:
        mailbox = await a_mailbox(mailboxes)
        await fill(mailboxes, mailbox, NO_FLAGS)
        head = await mailboxes.head(mailbox)
        await usage.record(mailbox, head)
        await mailboxes.rename([(mailbox, path("Bob", CAROL))])
        for _ in range(2):
            await usage.assign(mailbox)
        assert (await usage.of_user(BOB), await usage.of_user(CAROL)) == (Usage(0, 0), Usage(1, head.size_bytes))
        await mailboxes.delete(mailbox)
        for _ in range(2):
            await usage.forget(mailbox)
        assert await usage.of_user(CAROL) == Usage(0, 0)
        await usage.record(mailbox, head)
        await usage.assign(mailbox)
        assert await usage.of_user(CAROL) == Usage(0, 0), "what comes late is not counted"

    async def test_usage_is_taken_anew_from_the_heads(self, usage: UsageStore, mailboxes: MailboxStore) -> None:
        """What was never recorded, and what was recorded for another or is gone."""
        one, moved, gone = [await a_mailbox(mailboxes, name) for name in ("one", "moved", "gone")]
        for mailbox in (one, moved, gone):
            await fill(mailboxes, mailbox, NO_FLAGS, SEEN)
        for mailbox in (moved, gone):
            await usage.record(mailbox, await mailboxes.head(mailbox))
        size = (await mailboxes.head(one)).size_bytes
        await mailboxes.rename([(moved, path("moved", CAROL))])
        await mailboxes.delete(gone)
        for _ in range(2):
            await usage.recompute(BOB)
            assert await usage.of_user(BOB) == Usage(2, size)
        await usage.recompute(CAROL)
        assert await usage.of_user(CAROL) == Usage(2, size)

    async def test_two_nodes_record_one_usage(
        self, usage: UsageStore, usage_elsewhere: UsageStore, mailboxes: MailboxStore, eventually: Eventually
    ) -> None:
        one, two = await a_mailbox(mailboxes), await a_mailbox(mailboxes, "two")
        await fill(mailboxes, one, NO_FLAGS)
        old = await mailboxes.head(one)
        await fill(mailboxes, one, SEEN)
        await fill(mailboxes, two, NO_FLAGS)
        size = old.size_bytes
        await usage.record(one, await mailboxes.head(one))
        await usage_elsewhere.record(one, old)
        await usage_elsewhere.record(two, await mailboxes.head(two))

        async def is_counted() -> bool:
            found = [await one.of_user(BOB) for one in (usage, usage_elsewhere)]
            return found == [Usage(3, 3 * size)] * 2

        await eventually(is_counted)
