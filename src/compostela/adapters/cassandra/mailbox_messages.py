"""The messages of mailboxes: see `compostela.core.mailbox.ports.messages` for what it promises."""

import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from itertools import islice
from typing import TypeVar

from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.mailbox_contents import SIDE_BY_SIDE, Notes
from compostela.adapters.cassandra.mailbox_log_pages import log_page
from compostela.adapters.cassandra.mailbox_projector import Projector
from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_states import TRIES, MailboxTables, OpenLog, OpenLogs
from compostela.adapters.cassandra.mailbox_watchers import Watchers
from compostela.adapters.cassandra.message_copies import MessageCopies, name_of
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound
from compostela.core.idempotency import Effect
from compostela.core.mailbox.log import PAGE_ENTRIES, LogPage
from compostela.core.mailbox.log_and_pages.entries import (
    ID_BYTES,
    Added,
    Facts,
)
from compostela.core.mailbox.log_and_pages.page import PAGE_UIDS, Level, Page
from compostela.core.mailbox.log_and_pages.planning import (
    MAX_MESSAGES_OF_A_PUBLISH,
    Plan,
    modseq_of,
    plan_flags,
    plan_recent,
    plan_removal,
)
from compostela.core.mailbox.log_and_pages.state import MailboxState, Restart
from compostela.core.mailbox.model import (
    Appended,
    Copied,
    FlagsResult,
    FlagsRow,
    MailboxHead,
    MessageRow,
    NewMessage,
    OpenedMailbox,
    StoredMessage,
)
from compostela.core.recovery.ports import RecoveryCopy
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import MAX_UID, UidSet

T = TypeVar("T")

BATCH_ROWS = 1000
CONTENTS_OF_A_BATCH = 200
PAGES_OF_A_BATCH = {Level.FLAGS: 32, Level.FACTS: 8}
UNSEEN_PAGES = 8
"""Pages that are first looked through for the first unseen message; then more and more."""
_EFFECT_BYTES = 16
_SOME_PLACE = Appended(Uid(0), ModSeq(0), MessageId(""))
"""Where an effect of an entry that is over may have put a message: nothing more is known of it."""


class CassandraMessages:
    def __init__(
        self,
        tables: MailboxTables,
        logs: OpenLogs,
        publishers: Publishers,
        projector: Projector,
        watchers: Watchers,
        is_over: IsOver,
        clock: Clock,
        copies: MessageCopies | None = None,
    ) -> None:
        self._tables = tables
        self._logs = logs
        self._publishers = publishers
        self._projector = projector
        self._watchers = watchers
        self._is_over = is_over
        self._clock = clock
        self._copies = copies or MessageCopies()

    # writing

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]:
        if not messages:
            return []
        now = int(self._clock.now())
        ids = [os.urandom(ID_BYTES) for _ in messages]

        notes: dict[bytes, Notes] = {}

        async def store(number: int) -> None:
            one, id = messages[number], ids[number]
            has_copy = self._copies.is_on
            notes[id] = await self._tables.messages.store(id, mailbox, one.content, one.structure, has_copy=has_copy)

        async def store_all() -> None:
            await side_by_side(range(len(messages)), store, SIDE_BY_SIDE)

        log = self._logs.get(mailbox)
        await side_by_side([store_all, log.known], lambda call: call())
        copies = await self._copies_of(log, zip(messages, ids, strict=True), notes) if self._copies.is_on else []
        await self._copies.before_publish(copies)
        added = [
            (one.flags, Facts(one.content.size, one.internal_date, now, message))
            for one, message in zip(messages, ids, strict=True)
        ]
        # as late as possible: the entry may end meanwhile
        if effect is not None and await self._is_over(effect.entry):
            return [_SOME_PLACE] * len(messages)
        key = None if effect is None else blake2b(f"{effect.entry}\n{effect.key}".encode(), digest_size=_EFFECT_BYTES)
        answer = await self._publishers.append(mailbox, added, None if key is None else key.digest())
        self._copies.after_publish(copies, answer.ids)
        return [
            Appended(
                Uid(answer.first_uid + number),
                ModSeq(modseq_of(answer.first_modseq, number)),
                MessageId(message.hex()),
            )
            for number, message in enumerate(answer.ids)
        ]

    async def _copies_of(
        self, log: OpenLog, messages: Iterable[tuple[NewMessage, bytes]], notes: Mapping[bytes, Notes]
    ) -> list[RecoveryCopy]:
        state = log.state or await log.fresh()
        user = state.head.user
        return [
            RecoveryCopy(
                name_of(id, notes[id]),
                user,
                one.internal_date,
                one.content.header,
                one.content.body,
                one.flags,
                one.path,
            )
            for one, id in messages
        ]

    async def copy(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        return await self._copy(source, uids, target, is_move=False)

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        return await self._copy(source, uids, target, is_move=True)

    async def _copy(self, source: MailboxId, uids: UidSet, target: MailboxId, *, is_move: bool) -> Copied:
        found = [row async for batch in self.rows(source, uids) for row in batch]
        taken: list[int] = []
        placed: list[int] = []
        for start in range(0, len(found), MAX_MESSAGES_OF_A_PUBLISH):
            rows = found[start : start + MAX_MESSAGES_OF_A_PUBLISH]
            targets = await self._place(rows, target)
            sources: list[int] = [row.uid for row in rows]
            if is_move:
                sources, targets = await self._take_away(source, sources, target, targets)
            taken += sources
            placed += targets
        head = await self.head(target)
        return Copied(UidSet.of(taken), UidSet.of(placed), head.highest_modseq)

    async def _place(self, rows: Sequence[MessageRow], target: MailboxId) -> list[int]:
        now = int(self._clock.now())
        added = [(row.flags, Facts(row.size, row.internal_date, now, bytes.fromhex(row.message_id))) for row in rows]
        await self._tables.messages.intend((facts.message for _, facts in added), target, now)
        answer = await self._publishers.append(target, added)
        return list(range(answer.first_uid, answer.first_uid + len(rows)))

    async def _take_away(
        self, source: MailboxId, sources: list[int], target: MailboxId, targets: list[int]
    ) -> tuple[list[int], list[int]]:
        """Remove what was copied from its source, and from the target what the source no longer had: others have moved it."""
        removed = await self.remove(source, UidSet.of(sources))
        kept = [pair for pair in zip(sources, targets, strict=True) if pair[0] in removed]
        lost = UidSet.of(uid for from_uid, uid in zip(sources, targets, strict=True) if from_uid not in removed)
        if lost:
            await self.remove(target, lost)
        return [pair[0] for pair in kept], [pair[1] for pair in kept]

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        flags: Flags,
        unchanged_since: ModSeq | None = None,
    ) -> FlagsResult:
        updated: list[FlagsRow] = []
        before: list[ModSeq] = []
        modified: list[UidSet] = []
        for step in await self._steps(mailbox, uids):

            def plan(state: MailboxState, token: bytes, step: UidSet = step) -> tuple[FlagsResult, Plan | None]:
                planned = plan_flags(state, token, step, mode, flags, unchanged_since)
                return planned.result, planned.plan

            result = await self._publishers.change(mailbox, _pages_of(step), plan)
            updated += result.updated
            before += result.before
            modified.append(result.modified)
        return FlagsResult(updated, before, UidSet([pair for one in modified for pair in one.ranges]))

    async def _steps(self, mailbox: MailboxId, uids: UidSet) -> list[UidSet]:
        """The messages in sets that one publish can change."""
        log = self._logs.get(mailbox)
        state = log.state or await log.fresh()
        if min(uids.count, state.head.messages) <= MAX_MESSAGES_OF_A_PUBLISH:
            return [uids]
        state = await log.load_uids(uids, Level.UIDS)
        present = state.uids() & uids
        return [
            present.slice(start, start + MAX_MESSAGES_OF_A_PUBLISH - 1)
            for start in range(0, present.count, MAX_MESSAGES_OF_A_PUBLISH)
        ] or [uids]

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[UidSet, ModSeq]:
        return await self._remove(mailbox, uids, deleted_only=True)

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> UidSet:
        return (await self._remove(mailbox, uids, deleted_only=False))[0]

    async def _remove(self, mailbox: MailboxId, uids: UidSet | None, *, deleted_only: bool) -> tuple[UidSet, ModSeq]:
        def plan(state: MailboxState, token: bytes) -> tuple[tuple[UidSet, ModSeq], Plan | None]:
            planned = plan_removal(state, token, uids, deleted_only=deleted_only)
            head = state.head if planned.plan is None else planned.plan.head
            return (planned.uids, ModSeq(head.modseq)), planned.plan

        def needs(state: MailboxState) -> dict[int, Level]:
            return {} if deleted_only and not state.head.deleted else _pages_of(uids)(state)

        removed: list[tuple[int, int]] = []
        while True:
            found, modseq = await self._publishers.change(mailbox, needs, plan)
            removed += found.ranges
            if found.count < MAX_MESSAGES_OF_A_PUBLISH:
                return UidSet(removed), modseq

    async def take_recent(self, mailbox: MailboxId) -> Uid:
        def plan(state: MailboxState, token: bytes) -> tuple[Uid, Plan | None]:
            return Uid(state.head.first_recent), plan_recent(state.head, token)

        return await self._publishers.change(mailbox, lambda _: {}, plan)

    # reading

    async def head(self, mailbox: MailboxId) -> MailboxHead:
        return (await self._tables.log.head(mailbox))[1].outside()

    async def heads(self, mailboxes: Sequence[MailboxId]) -> dict[MailboxId, MailboxHead]:
        async def read(mailbox: MailboxId) -> MailboxHead | None:
            try:
                return await self.head(mailbox)
            except NotFound:
                return None

        found = await side_by_side(mailboxes, read, SIDE_BY_SIDE)
        return {mailbox: head for mailbox, head in zip(mailboxes, found, strict=True) if head is not None}

    async def open(
        self,
        mailbox: MailboxId,
        *,
        take_recent: bool,
        known: tuple[ModSeq, UidSet] | None = None,  # noqa: ARG002 - see below
    ) -> OpenedMailbox:
        """Bitmaps of UIDs cost less to read than the changes since `known`."""
        log = await self._fresh(mailbox)
        looked_through = UNSEEN_PAGES if log.state is not None and log.state.head.unseen else 0
        while True:
            state = await log.load(partial(_bitmaps, looked_through))
            unseen, is_all = _first_unseen(state, looked_through)
            if unseen is not None or is_all:
                break
            looked_through = max(UNSEEN_PAGES, 4 * looked_through)
        head, uids = state.head.outside(), state.uids()
        first_recent = head.first_recent_uid
        if take_recent and head.first_recent_uid < head.uid_next:
            first_recent = await self.take_recent(mailbox)
        return OpenedMailbox(head, uids, unseen, first_recent)

    async def uids(self, mailbox: MailboxId) -> tuple[UidSet, MailboxHead]:
        log = await self._fresh(mailbox)
        state = await log.load_uids(None, Level.UIDS)
        return state.uids(), state.head.outside()

    async def _fresh(self, mailbox: MailboxId) -> OpenLog:
        log = self._logs.get(mailbox)
        state = await log.fresh()
        self._projector.consider(self._publishers, log, state)
        return log

    def rows(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[MessageRow]]:
        return self._batches(mailbox, uids, Level.FACTS, Page.row)

    def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[FlagsRow]]:
        return self._batches(mailbox, uids, Level.FLAGS, Page.flags_row)

    async def _batches(
        self, mailbox: MailboxId, uids: UidSet | None, level: Level, make: Callable[[Page, int, int], T]
    ) -> AsyncIterator[list[T]]:
        log = await self._fresh(mailbox)
        state = log.state or await log.fresh()
        numbers = state.page_numbers(uids)
        waiting: list[T] = []
        chosen = UidSet([(1, MAX_UID)]) if uids is None else uids
        while some := list(islice(numbers, PAGES_OF_A_BATCH[level])):
            wanted = dict.fromkeys(some, level)
            state = await log.load(partial(_given, wanted))
            for number in some:
                page = state.pages[number]
                here = chosen & UidSet([(page.first_uid, page.first_uid + PAGE_UIDS - 1)])
                for first, last in here.ranges:
                    waiting += [make(page, uid, at) for uid, at in page.among(first, last)]
            while len(waiting) >= BATCH_ROWS:
                yield waiting[:BATCH_ROWS]
                waiting = waiting[BATCH_ROWS:]
        if waiting:
            yield waiting

    async def headers(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        async for batch in self._notes(mailbox, uids):
            yield [(uid, notes.header) for uid, notes in batch]

    async def structures(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        async for batch in self._notes(mailbox, uids):
            yield [(uid, notes.structure) for uid, notes in batch]

    async def _notes(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, Notes]]]:
        async def read(row: MessageRow) -> tuple[Uid, Notes] | None:
            notes = await self._tables.messages.notes(bytes.fromhex(row.message_id))
            return None if notes is None else (row.uid, notes)

        async for rows in self.rows(mailbox, uids):
            for start in range(0, len(rows), CONTENTS_OF_A_BATCH):
                found = await side_by_side(rows[start : start + CONTENTS_OF_A_BATCH], read, SIDE_BY_SIDE)
                if batch := [one for one in found if one is not None]:
                    yield batch

    async def log(self, mailbox: MailboxId, since: ModSeq, limit: int = PAGE_ENTRIES) -> LogPage:
        for _ in range(TRIES):
            try:
                return await self._log(mailbox, since, limit)
            except Restart:
                # rows went while they were read; the next head tells so
                self._logs.forget(mailbox)
        head = await self.head(mailbox)
        return LogPage(head, [], since, complete=False)

    async def _log(self, mailbox: MailboxId, since: ModSeq, limit: int) -> LogPage:
        log = await self._fresh(mailbox)
        state = log.state or await log.fresh()
        return await log_page(state.head, since, limit, lambda after: log.history(after, state.head))

    async def message(self, mailbox: MailboxId, uid: Uid) -> StoredMessage | None:
        return (await self.messages(mailbox, [uid])).get(uid)

    async def messages(self, mailbox: MailboxId, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        try:
            rows = [row async for batch in self.rows(mailbox, UidSet.of(uids)) for row in batch]
        except NotFound:
            return {}
        ids = [bytes.fromhex(row.message_id) for row in rows]
        found = await side_by_side(ids, self._tables.messages.read, SIDE_BY_SIDE)
        return {row.uid: stored for row, stored in zip(rows, found, strict=True) if stored is not None}

    async def locate(self, message: MessageId) -> list[tuple[MailboxId, Uid]]:
        """Places are verified at their mailboxes; those that no projector has written are in the tails."""
        try:
            name = bytes.fromhex(message)
        except ValueError:
            return []
        known = await self._tables.messages.places(name)
        for _ in range(TRIES):
            found: set[tuple[MailboxId, Uid]] = set()
            for mailbox in sorted({mailbox for mailbox, _ in known}):
                noted = {uid for place, uid in known if place == mailbox and uid}
                found |= await self._located(MailboxId(mailbox), name, noted)
            again = await self._tables.messages.places(name)
            if set(again) <= set(known):
                break
            # a projector has written places while the tails were read
            known = again
        return sorted(found)

    async def _located(self, mailbox: MailboxId, message: bytes, noted: set[int]) -> set[tuple[MailboxId, Uid]]:
        log = self._logs.get(mailbox)
        try:
            state = await log.fresh()
            candidates = UidSet.of({*noted, *_added(state, message)})
            if not candidates:
                return set()
            state = await log.load_uids(candidates, Level.FACTS)
        except NotFound:
            return set()
        return {(mailbox, Uid(uid)) for page, uid, at in state.found(candidates) if page.ids[at] == message}

    async def has_content(self, message: MessageId) -> bool:
        """See `compostela.core.recovery.ports.HasContent`."""
        return await self._tables.messages.notes(bytes.fromhex(message)) is not None

    async def project(self, mailbox: MailboxId) -> None:
        """Bring its pages up to date. Raises `NotFound`, `TemporaryFailure`, and `Restart` when another node was faster."""
        await self._projector.project_now(self._publishers, self._logs.get(mailbox))

    # hints

    def watch(self, mailbox: MailboxId, wake: Callable[[], None], seen: ModSeq | None = None) -> Callable[[], None]:
        return self._watchers.watch(mailbox, wake, seen)


def _pages_of(uids: UidSet | None) -> Callable[[MailboxState], dict[int, Level]]:
    return lambda state: dict.fromkeys(state.page_numbers(uids), Level.FACTS)


def _given(wanted: Mapping[int, Level], _: MailboxState) -> Mapping[int, Level]:
    return wanted


def _bitmaps(with_flags: int, state: MailboxState) -> dict[int, Level]:
    """All bitmaps of UIDs, and flags of the first pages."""
    return {
        number: Level.FLAGS if at < with_flags else Level.UIDS for at, number in enumerate(state.page_numbers(None))
    }


def _first_unseen(state: MailboxState, pages: int) -> tuple[Uid | None, bool]:
    """Among the first pages; also whether that is all."""
    if not state.head.unseen:
        return None, True
    numbers = list(state.page_numbers(None))
    for number in numbers[:pages]:
        page = state.pages[number]
        for first, last in page.ranges():
            for uid, at in page.among(first, last):
                if SystemFlag.SEEN not in page.flags[at]:
                    return Uid(uid), True
    return None, pages >= len(numbers)


def _added(state: MailboxState, message: bytes) -> set[int]:
    """UIDs under which a message came in the tail."""
    found = set()
    for row in state.tail:
        for entry in row.entries:
            if isinstance(entry, Added):
                ids = entry.messages.messages
                found |= {
                    entry.first_uid + at // ID_BYTES
                    for at in range(0, len(ids), ID_BYTES)
                    if ids[at : at + ID_BYTES] == message
                }
    return found
