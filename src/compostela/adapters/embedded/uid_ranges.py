"""The UIDs of mailboxes as ranges, kept between SELECTs and brought up to date from the change log."""

from collections import OrderedDict
from itertools import pairwise

from compostela.adapters.embedded.change_log import read_since
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import HEAD, head_of
from compostela.adapters.embedded.reader import Reader
from compostela.core.mailbox.model import MailboxHead
from compostela.model.uid_set import UidSet

MAX_MAILBOXES = 1000
MAX_RANGES = 200_000
"""In all kept sets together."""
SMALL_MAILBOX = 1000
"""Up to so many messages the ranges are read on the loop."""
SCAN_ROWS = 10_000
"""UIDs that a scanning thread takes from the database at a time."""
_HEAD = f"SELECT {HEAD} FROM mailbox WHERE id = ?"
_UIDS = "SELECT uid FROM placement WHERE mailbox = ? AND uid > ? ORDER BY uid LIMIT ?"


class UidRanges:
    """A bounded cache; an entry is the set at one ModSeq."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[int, tuple[int, UidSet]] = OrderedDict()
        self._ranges = 0

    async def read(self, mailbox: int) -> tuple[UidSet, MailboxHead] | None:
        """UIDs and head of one moment; None when the mailbox is gone."""
        with self._reader.snapshot() as execute:
            row = execute(_HEAD, (mailbox,)).fetchone()
            if row is None:
                self.forget(mailbox)
                return None
            head = head_of(row)
            uids = self._brought_up_to_date(execute, mailbox, head)
            if uids is None and head.messages <= SMALL_MAILBOX:
                uids = _scan(execute, mailbox)
        if uids is None:
            scanned = await self._reader.scan(lambda execute: _scan_with_head(execute, mailbox))
            if scanned is None:
                return None
            uids, head = scanned
        self._keep(mailbox, uids, head)
        return uids, head

    def forget(self, mailbox: int) -> None:
        """Drops what is kept of a mailbox."""
        known = self._known.pop(mailbox, None)
        if known is not None:
            self._ranges -= known[1].range_count

    def _keep(self, mailbox: int, uids: UidSet, head: MailboxHead) -> None:
        self.forget(mailbox)
        self._known[mailbox] = (head.highest_modseq, uids)
        self._ranges += uids.range_count
        while self._known and (len(self._known) > MAX_MAILBOXES or self._ranges > MAX_RANGES):
            self.forget(next(iter(self._known)))

    def _brought_up_to_date(self, execute: Execute, mailbox: int, head: MailboxHead) -> UidSet | None:
        """The kept set as of the head, None when it is not known or too much has happened since."""
        known = self._known.get(mailbox)
        if known is None:
            return None
        modseq, uids = known
        if modseq == head.highest_modseq:
            return uids
        since = read_since(execute, mailbox, modseq)
        if since is None:
            return None
        if since.gone:
            uids = uids - UidSet.of(since.gone)
        fresh = [row[0] for row in since.changed if row[0] not in uids]
        return uids | UidSet.of(fresh) if fresh else uids


def _scan_with_head(execute: Execute, mailbox: int) -> tuple[UidSet, MailboxHead] | None:
    row = execute(_HEAD, (mailbox,)).fetchone()
    return None if row is None else (_scan(execute, mailbox), head_of(row))


def _scan(execute: Execute, mailbox: int) -> UidSet:
    ranges: list[tuple[int, int]] = []
    last = 0
    while True:
        uids = [row[0] for row in execute(_UIDS, (mailbox, last, SCAN_ROWS)).fetchall()]
        if not uids:
            return UidSet(ranges)
        if uids[-1] - uids[0] == len(uids) - 1:
            ranges.append((uids[0], uids[-1]))
        else:
            starts = [uids[0], *(after for before, after in pairwise(uids) if after != before + 1)]
            ends = [*(before for before, after in pairwise(uids) if after != before + 1), uids[-1]]
            ranges += zip(starts, ends, strict=True)
        last = uids[-1]
