"""UID, ModSeq and flags of whole mailboxes, kept between listings and brought up to date from the change log: what clients ask
most, and what searches by flags look at."""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from operator import itemgetter

from compostela.adapters.embedded.change_log import Since, read_since
from compostela.adapters.embedded.mailbox_rows import flags_rows
from compostela.adapters.embedded.reader import Reader
from compostela.core.mailbox.model import FlagsRow
from compostela.model.uid_set import UidSet

MAX_MESSAGES = 50_000
"""Of a longer mailbox nothing is kept."""
MAX_ROWS = 200_000
"""In all mailboxes together: about 130 octets each."""
_MODSEQ = "SELECT highest_modseq FROM mailbox WHERE id = ?"
_uid_of = itemgetter(0)


class FlagRows:
    """A bounded cache; an entry is all rows of a mailbox at one ModSeq, in UID order. A list that was given out is never
    changed."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[int, tuple[int, list[FlagsRow]]] = OrderedDict()
        self._rows = 0

    def read(self, mailbox: int) -> list[FlagsRow] | None:
        """The rows as of now; None when they are not kept."""
        known = self._known.get(mailbox)
        if known is None:
            return None
        modseq, rows = known
        with self._reader.snapshot() as execute:
            head = execute(_MODSEQ, (mailbox,)).fetchone()
            if head is not None and head[0] == modseq:
                self._known.move_to_end(mailbox)
                return rows
            since = None if head is None else read_since(execute, mailbox, modseq)
        if since is None:
            self.forget(mailbox)
            return None
        rows = _applied(rows, since)
        self.keep(mailbox, head[0], rows)
        return rows

    def keep(self, mailbox: int, modseq: int, rows: list[FlagsRow]) -> None:
        """`rows` hold all that happened up to `modseq`; they may hold some of what happened later."""
        self.forget(mailbox)
        if len(rows) > MAX_MESSAGES:
            return
        self._known[mailbox] = (modseq, rows)
        self._rows += len(rows)
        while self._rows > MAX_ROWS:
            self.forget(next(iter(self._known)))

    def forget(self, mailbox: int) -> None:
        """Drops what is kept of a mailbox."""
        known = self._known.pop(mailbox, None)
        if known is not None:
            self._rows -= len(known[1])


def _applied(rows: list[FlagsRow], since: Since) -> list[FlagsRow]:
    gone = set(since.gone)
    rows = [row for row in rows if row[0] not in gone] if gone else rows.copy()
    for row in flags_rows(sorted(since.changed)):
        if not rows or row.uid > rows[-1].uid:
            rows.append(row)
            continue
        at = bisect_left(rows, row.uid, key=_uid_of)
        rows[at : at + (rows[at].uid == row.uid)] = [row]
    return rows


def selected(rows: list[FlagsRow], uids: UidSet | None) -> list[Sequence[FlagsRow]]:
    """The rows of some UIDs, in pieces."""
    if uids is None:
        return [rows] if rows else []
    pieces: list[Sequence[FlagsRow]] = []
    at = 0
    for first, last in uids.ranges:
        start = bisect_left(rows, first, lo=at, key=_uid_of)
        at = bisect_right(rows, last, lo=start, key=_uid_of)
        if at > start:
            pieces.append(rows[start:at])
    return pieces
