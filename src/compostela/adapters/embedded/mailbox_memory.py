"""Heads of mailboxes, remembered until any process changes the mailbox.

The processes that share a data folder share marks (see `shared_marks`). A job that changes a mailbox sets a new mark inside the
transaction and again after the commit, before the change is reported as done. So a look at a mailbox in which nothing is new costs
no statement. Statements are dear where several processes write: after a commit of another process SQLite reads its pages anew.
"""

from compostela.adapters.embedded.shared_marks import MailboxMarks
from compostela.adapters.embedded.writer import Transaction
from compostela.core.mailbox.model import MailboxHead

MAX_HEADS = 20_000
"""When so many are known, all are dropped."""


class MailboxMemory:
    """One object for a process, used on the event loop; `changing` may be called from any thread. Mailboxes are named by row id."""

    def __init__(self, marks: MailboxMarks) -> None:
        self._marks = marks
        self._heads: dict[int, tuple[bytes, MailboxHead]] = {}
        self.mark = marks.read
        """The present mark: read it before the head that is to be remembered with it."""

    def head(self, mailbox: int) -> MailboxHead | None:
        """None when it is not known, or when the mailbox may have changed."""
        known = self._heads.get(mailbox)
        return known[1] if known is not None and known[0] == self.mark(mailbox) else None

    def remember(self, mailbox: int, mark: bytes, head: MailboxHead) -> None:
        """`head` was read after `mark`."""
        if len(self._heads) >= MAX_HEADS:
            self._heads.clear()
        self._heads[mailbox] = (mark, head)

    def forget(self, mailbox: int) -> None:
        """Drop the head. Called when another process reports a change: it may have died before it set the second mark."""
        self._heads.pop(mailbox, None)

    def changing(self, tx: Transaction, mailbox: int) -> None:
        """To be called by each job that changes the row of a mailbox."""
        self._marks.change(mailbox)
        tx.after_commit.append(lambda: self._marks.change(mailbox))
