"""What a session knows of its selected mailbox, and how that is brought up to date.

Message numbers are positions in the view's UIDs. A message that was expunged elsewhere keeps its number until the session
may be told (RFC 3501 §7.4.1): it stays in the view as pending.
"""

import contextlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Protocol, TypeVar

from compostela.base.errors import NotFound, StorageFull, TemporaryFailure
from compostela.core.mailbox.log import Change, LogEntry
from compostela.core.mailbox.model import FlagsRow, Mailbox, OpenedMailbox
from compostela.core.mailbox.ports import MessageStore
from compostela.model.numbers import ModSeq, Uid
from compostela.model.uid_set import UidSet

if TYPE_CHECKING:
    from compostela.core.mailbox.session import MailboxSession


class _Row(Protocol):
    @property
    def uid(self) -> Uid: ...


R = TypeVar("R", bound=_Row)
_uid_of = attrgetter("uid")
_NOTHING = UidSet()
MAX_OWN_CHANGES = 10_000
FRESH_SECONDS = 5.0
"""A hint may be lost: after this long a view is brought up to date without one."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What a session is to be told: numbers of expunged messages (highest first, each as it is at its turn), how many
    there are now if that has grown, and the rows of messages whose flags changed, by their number."""

    expunged: list[int]
    expunged_uids: list[Uid]
    exists: int | None
    changed: list[tuple[int, FlagsRow]]

    @property
    def is_empty(self) -> bool:
        return not self.expunged and self.exists is None and not self.changed


class MailboxView:
    """A selected mailbox. `first_recent`: no UID below is recent for this session; see `is_recent`."""

    __slots__ = (
        "_looked_at",
        "_on_hint",
        "_others_recent",
        "_own",
        "_pending",
        "_store",
        "_unwatch",
        "first_recent",
        "head",
        "hinted",
        "keywords",
        "mailbox",
        "modseq",
        "read_only",
        "session",
        "uids",
    )

    def __init__(
        self,
        session: "MailboxSession",
        store: MessageStore,
        mailbox: Mailbox,
        opened: OpenedMailbox,
        *,
        read_only: bool,
    ) -> None:
        self.session = session
        self._store = store
        self.mailbox = mailbox
        self.uids = opened.uids
        self.head = opened.head
        self.modseq = opened.head.highest_modseq
        self.first_recent = opened.first_recent_uid
        self._others_recent = _NOTHING
        self.read_only = read_only
        self.keywords = opened.head.keywords
        self._pending = _NOTHING
        self._own: dict[Uid, ModSeq] = {}
        self._looked_at = 0.0
        self._on_hint: Callable[[], None] | None = None
        self._unwatch: Callable[[], None] | None = None
        self.hinted = False

    # hints

    def start(self, now: float) -> None:
        """Watch the mailbox from now on (monotonic seconds), until `close`. Without a watch the view is never fresh."""
        self._looked_at = now
        with contextlib.suppress(TemporaryFailure):
            self._unwatch = self.session.watch(self.mailbox, self._hint, self.modseq)

    def close(self) -> None:
        """End the watch."""
        self._on_hint = None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def on_hint(self, wake: Callable[[], None] | None) -> None:
        """Call `wake` with each hint that the mailbox may have changed; None for no longer."""
        self._on_hint = wake

    def _hint(self) -> None:
        self.hinted = True
        if self._on_hint is not None:
            self._on_hint()

    def is_fresh(self, now: float, *, may_expunge: bool) -> bool:
        """Whether a look would tell nothing new: no hint has come since the last look, which is at most `FRESH_SECONDS` old."""
        if self._unwatch is None or self.hinted or (self._pending and may_expunge):
            return False
        return now - self._looked_at <= FRESH_SECONDS

    # what the session is told

    @property
    def exists(self) -> int:
        return len(self.uids)

    @property
    def pending(self) -> UidSet:
        """The UIDs that are known to be expunged and still have their numbers."""
        return self._pending

    @property
    def present(self) -> UidSet:
        """The UIDs without those that are known to be expunged and still have their numbers."""
        return self.uids - self._pending if self._pending else self.uids

    @property
    def recent(self) -> int:
        here = len(self.uids) - self.uids.rank(self.first_recent)
        return here - len(self._others_recent & self.uids) if self._others_recent else here

    def is_recent(self, uid: int) -> bool:
        """Whether this session is the first that was told of the message (RFC 3501 §2.3.2)."""
        return uid >= self.first_recent and uid not in self._others_recent

    def by_recent(self, rows: Sequence[FlagsRow]) -> "Iterator[tuple[Sequence[FlagsRow], bool]]":
        """Rows in UID order, cut where messages begin or end to be recent here."""
        start = bisect_left(rows, self.first_recent, key=_uid_of)
        if start:
            yield rows[:start], False
        if not self._others_recent:
            if start < len(rows):
                yield rows[start:], True
            return
        for is_recent, part in groupby(rows[start:], lambda row: self.is_recent(row.uid)):
            yield list(part), is_recent

    def number(self, uid: int) -> int | None:
        """Message number of a UID, from 1."""
        position = self.uids.position(uid)
        return None if position is None else position + 1

    def numbers(self, uids: Sequence[Uid]) -> list[int]:
        """Message numbers of UIDs in ascending order; those that are not in the view are left out."""
        return self.uids.positions(uids, first=1)

    def runs(self, rows: Sequence[R]) -> Iterator[tuple[Sequence[R], int]]:
        """Rows in UID order, cut where their message numbers leave the UIDs: pieces with what to take from a UID in them to
        get its number. Messages that are not in the view are left out."""
        at = 0
        while at < len(rows):
            run = self.uids.run_of(rows[at].uid)
            if run is None:
                at += 1
                continue
            last, offset = run
            end = bisect_right(rows, last, lo=at, key=_uid_of)
            yield rows[at:end], offset - 1
            at = end

    def note_own(self, rows: Iterable[FlagsRow]) -> None:
        """Changes that this session made and was told of already."""
        if len(self._own) > MAX_OWN_CHANGES:
            self._own.clear()
        for row in rows:
            self._own[row.uid] = row.modseq

    async def update(self, now: float = 0.0, *, may_expunge: bool) -> Difference:
        """Read the change log and bring the view up to date. `now` is monotonic seconds. Raises `NotFound` when the mailbox is gone, and `TemporaryFailure`
        when the log cannot be read: the view is as it was then."""
        # a hint that comes while the log is read may be of something later
        self.hinted = False
        try:
            news = await self._news()
        except BaseException:
            self.hinted = True
            raise
        self._looked_at = now
        if news is None and not (self._pending and may_expunge):
            return _NO_DIFFERENCE
        before = len(self.uids)
        flagged: list[FlagsRow] = []
        if news is not None:
            gone = news.gone & self.uids
            self._pending = self._pending | gone if gone else self._pending
            added = news.added - news.gone
            self.uids = self.uids | added if added else self.uids
            if added:
                await self._take_recent(added)
            flagged = [
                row
                for _, row in sorted(news.flags.items())
                if row.uid not in added and row.uid not in news.gone and self._own.get(row.uid) != row.modseq
            ]
        expunged, expunged_uids = self._expunge() if may_expunge else ([], [])
        changed = [(number, row) for row in flagged if (number := self.number(row.uid)) is not None]
        exists = len(self.uids) if len(self.uids) + len(expunged) > before else None
        return Difference(expunged, expunged_uids, exists, changed)

    async def _take_recent(self, added: UidSet) -> None:
        """New messages are recent here unless another read-write session was told of them first. A message that comes between
        the look and this may be recent nowhere. Where taking fails (a full disk) they are recent for others too."""
        first = self.head.first_recent_uid
        if not self.read_only and added.at(added.count - 1) >= first:
            with contextlib.suppress(NotFound, StorageFull, TemporaryFailure):
                first = await self.session.take_recent(self.mailbox)
        others = added & UidSet([(1, first - 1)]) if first > 1 else _NOTHING
        self._others_recent = self._others_recent | others if others else self._others_recent

    async def _news(self) -> "_News | None":
        """All that happened since the last update; None when nothing did. Moves the view's ModSeq and head, but only when every
        page is read: what a failed update has read must be told by the next."""
        page = await self._store.log(self.mailbox.id, self.modseq)
        if page.complete and page.is_last and page.until <= self.modseq and not page.entries:
            self.head = page.head
            return None
        news, until = _News(), self.modseq
        while page.complete:
            news.add(page.entries)
            until = max(page.until, until)
            if page.is_last:
                self.modseq, self.head = until, page.head
                return news
            page = await self._store.log(self.mailbox.id, until)
        return await self._compared()

    async def _compared(self) -> "_News":
        """The log no longer reaches back: the UIDs that are there and the rows above the ModSeq tell the same."""
        news, since = _News(), self.modseq
        uids, head = await self._store.uids(self.mailbox.id)
        news.gone = self.uids - uids
        news.added = uids - self.uids
        async for batch in self._store.flags(self.mailbox.id, uids & self.uids):
            news.flags.update((row.uid, row) for row in batch if row.modseq > since)
        self.modseq, self.head = head.highest_modseq, head
        return news

    def _expunge(self) -> tuple[list[int], list[Uid]]:
        """Takes the pending messages out of the view."""
        if not self._pending:
            return [], []
        gone = list(self._pending)
        numbers = [number for uid in reversed(gone) if (number := self.number(uid)) is not None]
        self.uids = self.uids - self._pending
        self._pending = _NOTHING
        for uid in gone:
            self._own.pop(uid, None)
        return numbers, gone


class _News:
    """What log entries come to: each message in its latest state."""

    __slots__ = ("added", "flags", "gone")

    def __init__(self) -> None:
        self.added = _NOTHING
        self.gone = _NOTHING
        self.flags: dict[Uid, FlagsRow] = {}

    def add(self, entries: Sequence[LogEntry]) -> None:
        added: list[int] = []
        gone: list[int] = []
        for entry in entries:
            match entry.change:
                case Change.ADDED:
                    added.append(entry.uid)
                case Change.FLAGS_UPDATED:
                    self.flags[entry.uid] = FlagsRow(entry.uid, entry.modseq, entry.flags)
                case Change.EXPUNGED:
                    gone.append(entry.uid)
        self.added = self.added | UidSet.of(added) if added else self.added
        self.gone = self.gone | UidSet.of(gone) if gone else self.gone


_NO_DIFFERENCE = Difference([], [], None, [])
