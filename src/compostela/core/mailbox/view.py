"""What a session knows of its selected mailbox, and how that is brought up to date.

Message numbers are positions in the view's UIDs. A message that was expunged elsewhere keeps its number until the session
may be told (RFC 3501 §7.4.1): it stays in the view as pending.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol, TypeVar

from compostela.base.errors import StorageFull
from compostela.core.mailbox.model import Mailbox, MailboxHead, MessageRow
from compostela.core.mailbox.ports import MailboxStore
from compostela.model.numbers import ModSeq, Uid
from compostela.model.uid_set import UidSet


class _Row(Protocol):
    @property
    def uid(self) -> Uid: ...


R = TypeVar("R", bound=_Row)
_uid_of = attrgetter("uid")
_NOTHING = UidSet()
MAX_OWN_CHANGES = 10_000


@dataclass(frozen=True, slots=True)
class Difference:
    """What a session is to be told: numbers of expunged messages (highest first, each as it is at its turn), how many
    there are now if that has grown, and the rows of messages whose flags changed, by their number."""

    expunged: list[int]
    expunged_uids: list[Uid]
    exists: int | None
    changed: list[tuple[int, MessageRow]]

    @property
    def is_empty(self) -> bool:
        return not self.expunged and self.exists is None and not self.changed


class MailboxView:
    """A selected mailbox. `first_recent` is the first UID that this session calls recent."""

    __slots__ = (
        "_own",
        "_pending",
        "first_recent",
        "head",
        "keywords",
        "mailbox",
        "modseq",
        "read_only",
        "store",
        "uids",
    )

    def __init__(
        self,
        store: MailboxStore,
        mailbox: Mailbox,
        uids: UidSet,
        head: MailboxHead,
        *,
        read_only: bool,
        keywords: frozenset[str],
    ) -> None:
        self.store = store
        self.mailbox = mailbox
        self.uids = uids
        self.head = head
        self.modseq = head.highest_modseq
        self.first_recent = head.first_recent_uid
        self.read_only = read_only
        self.keywords = keywords
        self._pending = _NOTHING
        self._own: dict[Uid, ModSeq] = {}

    @classmethod
    async def open(cls, store: MailboxStore, mailbox: Mailbox, *, read_only: bool) -> "MailboxView":
        """Raises `NotFound`. A read-write view takes the recent messages for itself; on a full disk they are another's too, so that
        mails can be read and deleted there."""
        uids, head = await store.uids(mailbox.id)
        view = cls(store, mailbox, uids, head, read_only=read_only, keywords=await store.keywords(mailbox.id))
        if not read_only:
            with contextlib.suppress(StorageFull):
                view.first_recent = await store.take_recent(mailbox.id)
        return view

    @property
    def exists(self) -> int:
        return len(self.uids)

    @property
    def present(self) -> UidSet:
        """The UIDs without those that are known to be expunged and still have their numbers."""
        return self.uids - self._pending if self._pending else self.uids

    @property
    def recent(self) -> int:
        return len(self.uids) - self.uids.rank(self.first_recent)

    def is_recent(self, uid: int) -> bool:
        return uid >= self.first_recent

    def number(self, uid: int) -> int | None:
        """Message number of a UID, from 1."""
        position = self.uids.position(uid)
        return None if position is None else position + 1

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

    def note_own(self, rows: list[MessageRow]) -> None:
        """Changes that this session made and was told of already."""
        if len(self._own) > MAX_OWN_CHANGES:
            self._own.clear()
        for row in rows:
            self._own[row.uid] = row.modseq

    async def update(self, *, may_expunge: bool) -> Difference:
        """Reads the change log. Raises `NotFound` when the mailbox is gone."""
        changes = await self.store.changes(self.mailbox.id, self.modseq)
        if changes.head.highest_modseq == self.modseq and not (self._pending and may_expunge):
            return _NO_DIFFERENCE
        before = len(self.uids)
        added = [row.uid for row in changes.changed if row.uid not in self.uids]
        gone = UidSet.of(uid for uid in changes.expunged if uid in self.uids) if changes.expunged else _NOTHING
        self._pending = self._pending | gone if gone else self._pending
        self.modseq = changes.head.highest_modseq
        self.head = changes.head
        if added:
            self.uids = self.uids | UidSet.of(added)
        fresh = set(added)
        flagged = [row for row in changes.changed if row.uid not in fresh and self._own.get(row.uid) != row.modseq]
        expunged, expunged_uids = self._expunge() if may_expunge else ([], [])
        changed = [(number, row) for row in flagged if (number := self.number(row.uid)) is not None]
        exists = len(self.uids) if len(self.uids) + len(expunged) > before else None
        return Difference(expunged, expunged_uids, exists, changed)

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


_NO_DIFFERENCE = Difference([], [], None, [])
