"""The log of a mailbox carried out again, and compared with its pages.

The log tells the whole truth of each message that it names: an entry that adds one has all of it, the others have its state before them.
So a log whose beginning is gone can be compared too: of messages that it does not name, no page may show a later change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from compostela.core.mailbox.log import Change, LogEntry
from compostela.core.mailbox.log_and_pages.entries import Added, Entry, Image, log_entries, uids_of
from compostela.core.mailbox.log_and_pages.head import FIRST_MODSEQ
from compostela.core.mailbox.log_and_pages.page import Page
from compostela.core.mailbox.model import MessageRow


class DifferenceKind(StrEnum):
    MISSING = "missing"
    """The log has the message, the pages have not."""
    UNEXPECTED = "unexpected"
    """The pages have the message, the log says that it went or that it never came."""
    DIFFERENT = "different"
    """Flags, ModSeq, size, dates or message are others."""
    CONTRADICTORY = "contradictory"
    """The state before an entry is not the state after the entry before it."""
    HOLE = "hole"
    """The log lacks a change."""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """`uid` is 0 for a hole; `modseq` is that of the message as the pages show it, or else of the entry that is wrong."""

    uid: int
    modseq: int
    kind: DifferenceKind


class Replay:
    """Of the messages in an inclusive range of UIDs. `after` is the ModSeq that the log begins after."""

    def __init__(self, first_uid: int, last_uid: int, after: int) -> None:
        self._first_uid = first_uid
        self._last_uid = last_uid
        self._after = after
        self.at = after
        """The ModSeq of the last entry that was taken."""
        self._known: dict[int, MessageRow | None] = {}
        """None for a message that went."""
        self._contradicted: set[int] = set()
        self._sure_after = after
        """No change after this ModSeq is missing."""
        self._all_from = 1 if after <= FIRST_MODSEQ else None
        """The log names all messages from this UID on; None for none."""
        self._differences: list[Difference] = []
        self.entries = 0

    def take(self, entries: Sequence[Entry], images: Iterable[Image]) -> None:
        """The next row of the log. It may begin before `after`."""
        for entry, image in zip(entries, images, strict=True):
            self.entries += 1
            if entry.modseq > self.at + 1:
                self._differences.append(Difference(0, self.at + 1, DifferenceKind.HOLE))
                self._sure_after, self._all_from = entry.modseq - 1, None
            if self._all_from is None and isinstance(entry, Added):
                self._all_from = uids_of(entry)[0][0]
            self.at = max(self.at, entry.modseq)
            for told in log_entries(entry, image):
                if self._first_uid <= told.uid <= self._last_uid:
                    self._change(told)

    def _change(self, told: LogEntry) -> None:
        if told.uid in self._known and not _follows(told, self._known[told.uid]):
            self._differences.append(Difference(told.uid, told.modseq, DifferenceKind.CONTRADICTORY))
            self._contradicted.add(told.uid)
        self._known[told.uid] = None if told.change is Change.EXPUNGED else _row_after(told)

    def differences(self, pages: Iterable[Page]) -> list[Difference]:
        """Of all pages of the range, with facts, at the ModSeq of the last row that was taken."""
        found = list(self._differences)
        shown = set()
        for page in pages:
            for uid, at in page.among(self._first_uid, self._last_uid):
                row = page.row(uid, at)
                shown.add(uid)
                kind = self._compared(row)
                if kind is not None:
                    found.append(Difference(uid, row.modseq, kind))
        found += [
            Difference(uid, row.modseq, DifferenceKind.MISSING)
            for uid, row in self._known.items()
            if row is not None and uid not in shown
        ]
        return sorted(found)

    def named(self, first: int, last: int) -> set[int]:
        """The UIDs in an inclusive range that the log names."""
        return {uid for uid in self._known if first <= uid <= last}

    def right(self, uid: int, shown: MessageRow | None) -> MessageRow | None:
        """The message as it should be, None if it should not be there. Where the log does not tell, or contradicts itself, it
        is what the pages show."""
        if uid not in self._known:
            never_came = self._all_from is not None and uid >= self._all_from
            return None if never_came else shown
        known = self._known[uid]
        if known is None:
            # an expunged message never comes back, whatever the log lacks
            return None
        is_sure = known.modseq > self._sure_after and uid not in self._contradicted
        return known if is_sure else shown

    def _compared(self, row: MessageRow) -> DifferenceKind | None:
        if row.uid not in self._known:
            return DifferenceKind.UNEXPECTED if row.modseq > self._after else None
        known = self._known[row.uid]
        if known is None:
            return DifferenceKind.UNEXPECTED
        return None if known == row else DifferenceKind.DIFFERENT


def _row_after(told: LogEntry) -> MessageRow:
    return MessageRow(told.uid, told.modseq, told.flags, told.size, told.internal_date, told.save_date, told.message_id)


def _follows(told: LogEntry, known: MessageRow | None) -> bool:
    """Whether an entry begins where the one before it ended."""
    if known is None and told.change is Change.EXPUNGED:
        # pages showed it still, and a rebuild told clients that it is gone
        return True
    if known is None or told.flags_before is None:
        return False
    before = _row_after(told)._replace(modseq=known.modseq, flags=told.flags_before)
    return before == known
