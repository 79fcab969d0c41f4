"""Pages written anew from the log, while the mailbox is at work.

A rebuild makes two publishes and writes the pages between them. The first publish takes a ModSeq for the pages, higher than any that a projector
may still be writing, and puts it into the head as `rebuilding`. The second publish removes it and tells clients what was wrong: restored and
corrected messages get a new ModSeq, and messages that should not be there are expunged. All processes then drop the states that they read before.

No projector writes while `rebuilding` is set: its process may have the wrong pages in memory, and would write them at a higher ModSeq. A
projector that has to write removes `rebuilding` first. The rebuild sees this, makes no second publish and starts again. If the node of a rebuild
dies, other nodes go on without it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from compostela.core.mailbox.log_and_pages.entries import MODES, Entry, Expunged, Facts, FlagsChanged, Image, pack_flags
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.page import PAGE_UIDS, Cells, Level, Page
from compostela.core.mailbox.log_and_pages.planning import Plan, named, steps
from compostela.core.mailbox.log_and_pages.replay import Replay
from compostela.core.mailbox.log_and_pages.state import MailboxState, numbers_of
from compostela.core.mailbox.model import MessageRow
from compostela.model.flags import NO_FLAGS, Flags, FlagsMode


@dataclass(frozen=True, slots=True)
class Mended:
    """A page as the log tells it at ModSeq `at`, and how it differs from the stored one."""

    number: int
    at: int
    cells: Cells
    restored: Mapping[int, bytes]
    """Messages by UID that the page lacked."""
    corrected: Collection[int]
    removed: Sequence[MessageRow]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Pages that are to be written at `modseq`, between both publishes."""

    modseq: int
    pages: Mapping[int, Cells]


def mended(replay: Replay, page: Page, without: Collection[int] = ()) -> Mended | None:
    """None if the page is right. The UIDs `without` are not brought back."""
    last = page.first_uid + PAGE_UIDS - 1
    shown = {uid: page.row(uid, at) for uid, at in page.among(page.first_uid, last)}
    rows: list[MessageRow] = []
    restored: dict[int, bytes] = {}
    corrected, removed = [], []
    for uid in sorted(replay.named(page.first_uid, last) | shown.keys()):
        before = shown.get(uid)
        right = replay.right(uid, before)
        if right is not None and before is None and uid in without:
            continue
        if right is not None:
            rows.append(right)
        if right == before:
            continue
        if right is None:
            assert before is not None
            removed.append(before)
        elif before is None:
            restored[uid] = bytes.fromhex(right.message_id)
        else:
            corrected.append(uid)
    if not (restored or corrected or removed):
        return None
    cells = Page.of(page.number, replay.at, rows).cells(with_facts=True)
    return Mended(page.number, replay.at, cells, restored, corrected, removed)


def plan_rebuild(state: MailboxState, token: bytes, pages: Sequence[Mended]) -> tuple[Rebuild | None, Plan | None]:
    """The first publish. None if the state no longer has all that came after the pages were mended."""
    if any(one.at < state.head.projected for one in pages):
        return None, None
    modseq = state.head.modseq + 1
    cells = {}
    for one in pages:
        page = _caught_up(state, one.number, one.cells)
        page.version = modseq
        cells[one.number] = page.cells(with_facts=True)
    head = msgspec.structs.replace(state.head, modseq=modseq, rebuilding=modseq)
    ranges, image = named(())
    return Rebuild(modseq, cells), Plan(head, (_touched(modseq, token, ranges),), (image,))


def plan_end(state: MailboxState, token: bytes, rebuild: Rebuild, pages: Sequence[Mended]) -> tuple[bool, Plan | None]:
    """The second publish. False if the rebuild was ended by another."""
    if state.head.rebuilding != rebuild.modseq:
        return False, None
    touched: list[tuple[int, Flags, Facts]] = []
    removed: list[tuple[int, Flags, Facts]] = []
    for one in sorted(pages, key=lambda page: page.number):
        page = _caught_up(state, one.number, rebuild.pages[one.number])
        for uid, at in page.among(page.first_uid, page.first_uid + PAGE_UIDS - 1):
            if uid in one.restored or uid in one.corrected:
                touched.append((uid, page.flags[at], page.facts(at)))
        removed += [
            (row.uid, row.flags, Facts(row.size, row.internal_date, row.save_date, bytes.fromhex(row.message_id)))
            for row in one.removed
        ]
    entries: list[Entry] = []
    images: list[Image] = []
    head = ended(state.head)
    for messages, is_gone in ((touched, False), (removed, True)):
        for step in steps(messages):
            head = msgspec.structs.replace(head, modseq=head.modseq + 1)
            ranges, image = named(step)
            entries.append(Expunged(head.modseq, token, ranges) if is_gone else _touched(head.modseq, token, ranges))
            images.append(image)
    return True, Plan(head, tuple(entries), tuple(images))


def _touched(modseq: int, token: bytes, ranges: tuple[int, ...]) -> FlagsChanged:
    """An entry that changes no flags."""
    return FlagsChanged(modseq, token, ranges, MODES.index(FlagsMode.ADD), pack_flags(NO_FLAGS))


def ended(head: Head) -> Head:
    """The head without the note of a rebuild."""
    return msgspec.structs.replace(head, rebuilding=0, rebuilt=head.rebuilding)


def _caught_up(state: MailboxState, number: int, cells: Cells) -> Page:
    """With what the tail has after it."""
    page = Page.decoded(number, cells, Level.FACTS)
    for row in state.tail:
        for entry in row.entries:
            if number in numbers_of(entry):
                page.apply(entry)
    return page
