"""The state of a mailbox as a process keeps it: head, tail and pages, all at one ModSeq."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from compostela.core.mailbox.log_and_pages.entries import Added, Entry, uids_of
from compostela.core.mailbox.log_and_pages.head import Head
from compostela.core.mailbox.log_and_pages.page import PAGE_UIDS, Cells, Level, Page, page_of
from compostela.model.uid_set import UidSet


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the log: a publish. `modseq` is that of its last entry."""

    modseq: int
    entries: tuple[Entry, ...]

    @property
    def first_modseq(self) -> int:
        return self.entries[0].modseq


@dataclass(frozen=True, slots=True)
class News:
    """Revision, head and rows in order, as one read of the log found them."""

    revision: int
    head: Head
    rows: Sequence[Row]


class Hole(Exception):
    """A row is missing between two that were read: a read of several replicas is no snapshot. Reading again helps."""


class Restart(Exception):
    """The log no longer reaches back to the state, or pages were rebuilt: it has to be read anew."""


class StaleState(Exception):
    """A page is newer than the state. Reading the news helps."""


def numbers_of(entry: Entry) -> set[int]:
    """The pages that an entry may touch."""
    return {number for first, last in uids_of(entry) for number in range(page_of(first), page_of(last) + 1)}


def check_dense(rows: Iterable[Row], after: int, until: int) -> None:
    """Raises `Hole` unless the rows have every ModSeq after `after` and up to `until`."""
    at = after
    for row in rows:
        if row.first_modseq > at + 1:
            raise Hole
        at = max(at, row.modseq)
    if at < until:
        raise Hole


class MailboxState:
    """Readers and the writer of a process share it. Methods are synchronous: between two awaits all of it is of one moment."""

    __slots__ = ("_loading", "head", "pages", "revision", "tail")

    def __init__(self, news: News) -> None:
        """From a read of the whole tail. Raises `Hole`."""
        rows = [row for row in news.rows if row.modseq > news.head.projected]
        check_dense(rows, news.head.projected, news.head.modseq)
        self.revision = news.revision
        self.head = news.head
        self.tail = rows
        self.pages: dict[int, Page] = {}
        self._loading = 0

    def take(self, news: News) -> None:
        """Bring the state up to date with rows after its ModSeq. Raises `Hole` and `Restart`; then nothing has changed."""
        if news.revision <= self.revision:
            return
        if news.head.rebuilt > self.head.rebuilt:
            raise Restart
        rows = [row for row in news.rows if self.head.modseq < row.modseq <= news.head.modseq]
        try:
            check_dense(rows, self.head.modseq, news.head.modseq)
        except Hole:
            if self.head.modseq < news.head.floor:
                raise Restart from None
            raise
        for row in rows:
            self._apply(row)
        self.revision, self.head = news.revision, news.head
        self._drop_projected()

    def advance(self, planned_on: int, head: Head, row: Row | None) -> None:
        """Take what this process has published on revision `planned_on`, unless a reader was faster."""
        if self.revision != planned_on:
            return
        if row is not None:
            self._apply(row)
        self.revision, self.head = planned_on + 1, head
        self._drop_projected()

    def _apply(self, row: Row) -> None:
        self.tail.append(row)
        for entry in row.entries:
            if isinstance(entry, Added):
                self._open_new_pages(entry)
            for number in numbers_of(entry):
                if number in self.pages:
                    self.pages[number].apply(entry)

    def _open_new_pages(self, entry: Added) -> None:
        """A page without a UID that was ever used is known without reading it."""
        last = entry.first_uid + len(entry.messages.sizes) // 4 - 1
        # UID 0 is never used, so UID 1 opens a page too
        first = page_of(entry.first_uid + PAGE_UIDS - 1) if entry.first_uid > 1 else 0
        for number in range(first, page_of(last) + 1):
            if number not in self.pages:
                self.pages[number] = Page(number)

    def _drop_projected(self) -> None:
        """Rows that the pages show are needed only for pages that are being read."""
        if not self._loading and self.tail and self.tail[0].modseq <= self.head.projected:
            self.tail = [row for row in self.tail if row.modseq > self.head.projected]

    # pages

    def begin_loading(self) -> None:
        """The tail is kept until the matching `end_loading`."""
        self._loading += 1

    def end_loading(self) -> None:
        self._loading -= 1
        self._drop_projected()

    def put(self, number: int, cells: Cells | None, level: Level) -> None:
        """Take a page from the store; None for one that was never written. Raises `MixedCells` and `StaleState`."""
        page = Page(number, level) if cells is None else Page.decoded(number, cells, level)
        if page.version > self.head.modseq:
            raise StaleState
        for row in self.tail:
            for entry in row.entries:
                if entry.modseq > page.version and number in numbers_of(entry):
                    page.apply(entry)
        known = self.pages.get(number)
        if known is None or known.level < level:
            self.pages[number] = page

    def missing(self, uids: UidSet | None, level: Level) -> list[int]:
        """Numbers of pages that have to be read for these UIDs, or for all."""
        return [
            number for number in self.page_numbers(uids) if number not in self.pages or self.pages[number].level < level
        ]

    def page_numbers(self, uids: UidSet | None) -> Iterator[int]:
        """Numbers of the pages that may have a message among these UIDs, in order."""
        lowest, highest = self.head.lowest_page, page_of(self.head.uid_next - 1)
        if self.head.uid_next == 1 or not self.head.messages:
            return
        if uids is None:
            yield from range(lowest, highest + 1)
            return
        done = lowest - 1
        for first, last in uids.ranges:
            for number in range(max(page_of(first), done + 1), min(page_of(last), highest) + 1):
                yield number
                done = number

    def found(self, uids: UidSet | None) -> Iterator[tuple[Page, int, int]]:
        """(page, UID, position) of messages in UID order; the pages are loaded, or `KeyError` is raised."""
        if not self.head.messages:
            return
        ranges = [(1, self.head.uid_next - 1)] if uids is None else uids.ranges
        for first, last in ranges:
            for number in range(
                max(page_of(first), self.head.lowest_page), page_of(min(last, self.head.uid_next - 1)) + 1
            ):
                page = self.pages[number]
                for uid, at in page.among(first, last):
                    yield page, uid, at

    def uids(self) -> UidSet:
        """All UIDs; the pages are loaded."""
        return UidSet([pair for number in sorted(self.pages) for pair in self.pages[number].ranges()])
