"""Log, state, pages and projector together, on a store that is a few dictionaries: what is read is what was written, whichever
process projects and trims when, and however cold the reader is."""

import random
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compostela.base.errors import NotFound
from compostela.core.mailbox.log import Change, LogEntry
from compostela.core.mailbox.log_and_pages.entries import (
    Entry,
    Facts,
    Image,
    decode_images,
    decode_row,
    encode_images,
    encode_row,
    log_entries,
    pack_ranges,
    unpack_ranges,
)
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ, Head, decode_head, encode_head
from compostela.core.mailbox.log_and_pages.page import Cells, Level, MixedCells, Page
from compostela.core.mailbox.log_and_pages.planning import (
    Addition,
    Plan,
    plan_additions,
    plan_flags,
    plan_recent,
    plan_removal,
)
from compostela.core.mailbox.log_and_pages.projection import needed, places, plan_projection
from compostela.core.mailbox.log_and_pages.replay import Replay
from compostela.core.mailbox.log_and_pages.state import Hole, MailboxState, News, Restart, Row, StaleState
from compostela.core.mailbox.model import FlagsRow
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode, SystemFlag
from compostela.model.numbers import ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet

SEEN, DELETED = Flags.of(SystemFlag.SEEN), Flags.of(SystemFlag.DELETED)
KINDS = (NO_FLAGS, SEEN, DELETED, SEEN | DELETED, Flags.of(keywords=["$Work", "später"]))
EVERYTHING = UidSet([(1, MAX_UID)])


@dataclass
class Store:
    """The tables of one mailbox."""

    revision: int = 1
    head: bytes = encode_head(Head("bob@example.org"))
    log: dict[int, tuple[bytes, bytes | None]] = field(default_factory=dict)
    pages: dict[int, Cells] = field(default_factory=dict)
    written: dict[tuple[int, int], Cells] = field(default_factory=dict)

    def publish(self, state: MailboxState, plan: Plan) -> None:
        assert state.revision == self.revision
        self.revision += 1
        self.head = encode_head(plan.head)
        if plan.entries:
            self.log[plan.head.modseq] = encode_row(plan.entries), encode_images(plan.images)
        state.advance(self.revision - 1, plan.head, plan.row)

    def news(self, after: int = 0) -> News:
        rows = [Row(k, decode_row(entry)) for k, (entry, _) in sorted(self.log.items()) if k > after]
        return News(self.revision, decode_head(self.head), rows)

    def state(self) -> MailboxState:
        return MailboxState(self.news())

    def load(self, state: MailboxState, numbers: dict[int, Level]) -> MailboxState:
        for number, level in numbers.items():
            state.put(number, self.pages.get(number), level)
        return state

    def loaded(self, state: MailboxState, level: Level = Level.FACTS) -> MailboxState:
        return self.load(state, dict.fromkeys(state.missing(None, level), level))

    def project(self, state: MailboxState) -> None:
        """Write pages; the head follows with the next publish."""
        self.load(state, needed(state))
        projection = plan_projection(state)
        for number, cells in projection.pages.items():
            known = self.written.setdefault((number, cells.version), cells)
            for part in ("uids", "flags", "facts"):
                octets = {getattr(known, part), getattr(cells, part)} - {None}
                assert len(octets) <= 1, "equal versions have equal octets"
            older = self.pages.get(number)
            if older is None or older.version <= cells.version:
                facts = cells.facts
                if facts is None and older is not None:
                    facts = older.facts
                self.pages[number] = Cells(cells.version, cells.uids, cells.flags, facts)
        head = msgspec.structs.replace(self.news().head, projected=projection.until, lowest_page=projection.lowest_page)
        self.revision += 1
        self.head = encode_head(head)

    def trim(self) -> None:
        head = self.news().head
        self.log = {k: row for k, row in self.log.items() if k > head.projected}
        self.head = encode_head(msgspec.structs.replace(head, floor=head.projected))
        self.revision += 1


def rows_of(state: MailboxState) -> list[tuple[FlagsRow, Facts]]:
    return [(page.flags_row(uid, at), page.facts(at)) for page, uid, at in state.found(None)]


def check(state: MailboxState) -> None:
    """What the head counts is there."""
    rows, head = rows_of(state), state.head
    deleted = [facts.size for row, facts in rows if SystemFlag.DELETED in row.flags]
    assert list(state.uids()) == [row.uid for row, _ in rows]
    assert (head.messages, head.size) == (len(rows), sum(facts.size for _, facts in rows))
    assert (head.deleted, head.deleted_size) == (len(deleted), sum(deleted))
    assert head.unseen == sum(SystemFlag.SEEN not in row.flags for row, _ in rows)
    assert head.recent == sum(row.uid >= head.first_recent for row, _ in rows)


def messages(chance: random.Random, count: int) -> list[tuple[Flags, Facts]]:
    return [
        (chance.choice(KINDS), Facts(chance.randint(0, 9999), chance.randint(-9, 2**33), 5, chance.randbytes(16)))
        for _ in range(count)
    ]


def act(store: Store, state: MailboxState, chance: random.Random) -> None:
    token = chance.randbytes(8)
    first = chance.randint(1, max(state.head.uid_next, 2))
    some = UidSet([(first, first + chance.choice((0, 3, 300, 1500)))])
    match chance.randint(0, 5):
        case 0 | 1:
            plan, answers = plan_additions(
                state.head, [Addition(token, messages(chance, chance.choice((1, 2, 400)))) for _ in range(2)]
            )
            assert answers[0] == (state.head.uid_next, state.head.modseq + 1)
            store.publish(state, plan)
        case 2 | 3:
            store.loaded(state)
            flags = plan_flags(state, token, some, chance.choice(list(FlagsMode)), chance.choice(KINDS))
            if flags.plan is not None:
                store.publish(state, flags.plan)
        case 4:
            store.loaded(state)
            removal = plan_removal(state, token, some, deleted_only=chance.random() < 0.5)
            if removal.plan is not None:
                store.publish(state, removal.plan)
        case 5:
            recent = plan_recent(state.head, token)
            if recent is not None:
                store.publish(state, recent)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_what_any_reader_finds_is_what_was_written(seed: int) -> None:
    chance = random.Random(seed)
    store = Store()
    writer, follower = store.state(), store.state()
    told: list[LogEntry] = []
    kept: list[tuple[tuple[Entry, ...], tuple[Image, ...]]] = []
    at = writer.head.modseq
    for _ in range(30):
        act(store, writer, chance)
        for k, (entry, image) in sorted(store.log.items()):
            if k > at:
                entries = decode_row(entry)
                images = decode_images(image, len(entries))
                kept.append((entries, images))
                for change, before in zip(entries, images, strict=True):
                    told += log_entries(change, before)
                at = k
        if chance.random() < 0.4:
            store.project(chance.choice((writer, store.state())))
        if chance.random() < 0.4:
            store.trim()
        writer.take(store.news(writer.head.modseq))
        try:
            follower.take(store.news(follower.head.modseq))
        except Restart:
            follower = store.state()
    cold = store.loaded(store.state())
    expected = rows_of(store.loaded(writer))
    assert rows_of(cold) == rows_of(store.loaded(follower)) == expected
    for state in (writer, follower, cold):
        check(state)
    by_log: dict[int, FlagsRow] = {}
    for one in told:
        assert one.flags_before == (by_log[one.uid].flags if one.uid in by_log else None)
        if one.change is Change.EXPUNGED:
            del by_log[one.uid]
        else:
            by_log[one.uid] = FlagsRow(one.uid, one.modseq, one.flags)
    assert [by_log[uid] for uid in sorted(by_log)] == [row for row, _ in expected], "a replay of the log is the pages"
    for first, last in ((1, MAX_UID), (100, 700)):
        for after in (FIRST_MODSEQ, (writer.head.modseq + FIRST_MODSEQ) // 2):
            replay = Replay(first, last, after)
            for entries, images in kept:
                if entries[-1].modseq > after:
                    replay.take(entries, images)
            assert replay.differences(cold.pages.values()) == []
    modseqs = sorted({one.modseq for one in told})
    assert modseqs == list(range(2, writer.head.modseq + 1)), "ModSeqs are dense"


def a_store(*counts: int) -> tuple[Store, MailboxState]:
    store = Store()
    state = store.state()
    for count in counts:
        plan, _ = plan_additions(state.head, [Addition(b"t", messages(random.Random(count), count))])
        store.publish(state, plan)
    return store, state


def test_a_hole_in_the_tail_is_noticed() -> None:
    store, _ = a_store(1, 1, 1)
    late = store.state()
    act_on = store.state()
    for _ in range(2):
        store.publish(act_on, plan_additions(act_on.head, [Addition(b"t", messages(random.Random(1), 1))])[0])
    news = store.news(late.head.modseq)
    with pytest.raises(Hole):
        late.take(News(news.revision, news.head, news.rows[1:]))
    with pytest.raises(Hole):
        MailboxState(News(store.revision, store.news().head, store.news().rows[:-1]))
    late.take(news)
    assert late.head == act_on.head


def test_a_state_below_the_floor_begins_anew() -> None:
    store, state = a_store(1)
    late = store.state()
    store.publish(state, plan_additions(state.head, [Addition(b"t", messages(random.Random(1), 1))])[0])
    store.project(state)
    store.trim()
    with pytest.raises(Restart):
        late.take(store.news(late.head.modseq))


def test_an_older_read_changes_nothing() -> None:
    store, state = a_store(2)
    old = store.news()
    store.publish(state, plan_additions(state.head, [Addition(b"t", messages(random.Random(1), 1))])[0])
    head = state.head
    state.take(old)
    assert state.head == head


def test_a_page_that_is_newer_than_the_state_is_not_taken() -> None:
    store, state = a_store(3)
    late = store.state()
    store.publish(state, plan_additions(state.head, [Addition(b"t", messages(random.Random(1), 1))])[0])
    store.project(state)
    with pytest.raises(StaleState):
        store.loaded(late)
    late.take(store.news(late.head.modseq))
    assert rows_of(store.loaded(late)) == rows_of(state)


def test_facts_of_an_older_version_are_joined_by_uid() -> None:
    store, state = a_store(5)
    store.project(state)
    older = store.pages[0]
    state = store.state()
    removal = plan_removal(store.loaded(state), b"t", UidSet.of([2, 4]), deleted_only=False)
    assert removal.plan is not None
    store.publish(state, removal.plan)
    store.project(state)
    newer = store.pages[0]
    mixed = Page.decoded(0, Cells(newer.version, newer.uids, newer.flags, older.facts), Level.FACTS)
    assert mixed.cells(with_facts=True) == newer
    with pytest.raises(MixedCells):
        Page.decoded(0, Cells(older.version, older.uids, older.flags, newer.facts), Level.FACTS)
    with pytest.raises(MixedCells):
        Page.decoded(0, Cells(older.version, older.uids, newer.flags, older.facts), Level.FLAGS)


def test_flags_alone_do_not_write_facts_again() -> None:
    store, state = a_store(600)
    store.project(state)
    state = store.state()
    plan = plan_flags(store.loaded(state), b"t", UidSet.of([1]), FlagsMode.ADD, Flags.of(SystemFlag.FLAGGED)).plan
    assert plan is not None
    store.publish(state, plan)
    (cells,) = plan_projection(state).pages.values()
    assert cells.facts is None


def test_empty_pages_at_the_beginning_are_no_longer_read() -> None:
    store, state = a_store(1000, 600)
    removal = plan_removal(state, b"t", UidSet([(1, 1100)]), deleted_only=False)
    assert removal.plan is not None
    store.publish(state, removal.plan)
    store.project(state)
    cold = store.state()
    assert list(cold.page_numbers(None)) == [2, 3]
    check(store.loaded(cold))


def test_unchanged_since_and_what_is_unchanged() -> None:
    _, state = a_store(1, 2)
    known = state.head.modseq - 1
    found = plan_flags(state, b"t", EVERYTHING, FlagsMode.ADD, Flags.of(SystemFlag.FLAGGED), known)
    assert [row.uid for row in found.result.updated] == [1]
    assert (found.result.before, found.result.modified) == ([ModSeq(known)], UidSet([(2, 3)]))
    nothing = plan_flags(state, b"t", UidSet.of([Uid(1)]), FlagsMode.REMOVE, Flags.of(SystemFlag.FLAGGED))
    assert nothing.plan is None


def test_places_follow_messages() -> None:
    _, state = a_store(2)
    (entry,) = state.tail[0].entries
    came = list(places(entry, None))
    removal = plan_removal(state, b"t", UidSet.of([2]), deleted_only=False)
    assert removal.plan is not None
    (gone,) = places(removal.plan.entries[0], removal.plan.images[0])
    assert [(place.uid, place.is_gone) for place in came] == [(1, False), (2, False)]
    assert (gone.message, gone.uid, gone.is_gone) == (came[1].message, 2, True)
    assert gone.modseq > came[1].modseq


@given(st.sets(st.integers(1, 2000)))
def test_ranges_come_back(uids: set[int]) -> None:
    packed = UidSet.of(uids)
    assert unpack_ranges(pack_ranges(packed)) == packed.ranges


@given(st.sets(st.integers(0, 511)))
def test_a_page_knows_its_ranges(offsets: set[int]) -> None:
    page = Page(3)
    for offset in offsets:
        page.bitmap |= 1 << offset
    assert page.ranges() == UidSet.of(page.first_uid + offset for offset in offsets).ranges


def test_a_closed_mailbox_takes_no_message() -> None:
    store = Store()
    state = store.state()
    store.publish(state, Plan(msgspec.structs.replace(state.head, is_closed=True)))
    with pytest.raises(NotFound):
        plan_additions(store.state().head, [Addition(b"t", messages(random.Random(1), 1))])
