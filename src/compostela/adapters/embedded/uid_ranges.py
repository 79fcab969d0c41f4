"""The UIDs of mailboxes as ranges, kept between SELECTs and brought up to date from the change log."""

from collections import OrderedDict

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import HEAD, head_of
from compostela.adapters.embedded.reader import Reader
from compostela.core.mailbox.model import MailboxHead
from compostela.model.uid_set import UidSet

MAX_MAILBOXES = 1000
SMALL_MAILBOX = 2000
"""Up to so many messages the ranges are read on the loop."""
_GAPS = """SELECT min(uid), max(uid) FROM
    (SELECT uid, uid - row_number() OVER (ORDER BY uid) AS run FROM placement WHERE mailbox = ?) GROUP BY run"""
_HEAD = f"SELECT {HEAD} FROM mailbox WHERE id = ?"


class UidRanges:
    """A bounded cache; an entry is the set at one ModSeq."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._known: OrderedDict[int, tuple[int, UidSet]] = OrderedDict()

    async def read(self, mailbox: int) -> tuple[UidSet, MailboxHead] | None:
        """UIDs and head of one moment; None when the mailbox is gone."""
        found = self._current(mailbox)
        if found is None:
            return None
        uids, head = found
        if uids is not None:
            current = uids, head
        else:
            scanned = (
                self._read_in_transaction(mailbox)
                if head.messages <= SMALL_MAILBOX
                else await self._reader.scan(lambda execute: self._scan(execute, mailbox))
            )
            if scanned is None:
                return None
            current = scanned
        self._keep(mailbox, *current)
        return current

    def forget(self, mailbox: int) -> None:
        self._known.pop(mailbox, None)

    def _read_in_transaction(self, mailbox: int) -> tuple[UidSet, MailboxHead] | None:
        execute = self._reader.execute
        execute("BEGIN")
        try:
            return self._scan(execute, mailbox)
        finally:
            execute("COMMIT")

    def _keep(self, mailbox: int, uids: UidSet, head: MailboxHead) -> None:
        self._known[mailbox] = (head.highest_modseq, uids)
        self._known.move_to_end(mailbox)
        if len(self._known) > MAX_MAILBOXES:
            self._known.popitem(last=False)

    def _current(self, mailbox: int) -> tuple[UidSet | None, MailboxHead] | None:
        """The kept set brought up to date, None in its place when it must be read anew."""
        execute = self._reader.execute
        execute("BEGIN")
        try:
            row = execute(_HEAD, (mailbox,)).fetchone()
            if row is None:
                return None
            head = head_of(row)
            known = self._known.get(mailbox)
            if known is None:
                return None, head
            modseq, uids = known
            if modseq == head.highest_modseq:
                return uids, head
            arguments = (mailbox, modseq)
            changed = execute("SELECT uid FROM placement WHERE mailbox = ? AND modseq > ?", arguments).fetchall()
            gone = execute("SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ?", arguments).fetchall()
        finally:
            execute("COMMIT")
        if gone:
            uids = uids - UidSet.of(row[0] for row in gone)
        fresh = [row[0] for row in changed if row[0] not in uids]
        if fresh:
            uids = uids | UidSet.of(fresh)
        return uids, head

    @staticmethod
    def _scan(execute: Execute, mailbox: int) -> tuple[UidSet, MailboxHead] | None:
        row = execute(_HEAD, (mailbox,)).fetchone()
        if row is None:
            return None
        return UidSet(execute(_GAPS, (mailbox,)).fetchall()), head_of(row)
