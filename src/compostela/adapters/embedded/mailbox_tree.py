"""The change log of a user's tree of mailboxes, written in the transaction that changes the tree."""

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.writer import Transaction
from compostela.core.mailbox.log import TreeChange, TreeEntry, TreePage
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import ModSeq
from compostela.model.username import Username

_ADVANCE = """INSERT INTO tree (user, highest_modseq) VALUES (?, 1)
    ON CONFLICT (user) DO UPDATE SET highest_modseq = highest_modseq + 1 RETURNING highest_modseq"""
_WRITE = "INSERT INTO tree_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_HEAD = "SELECT highest_modseq, log_floor FROM tree WHERE user = ?"
_READ = """SELECT modseq, change, mailbox, namespace, name, namespace_before, name_before FROM tree_log
    WHERE user = ? AND modseq > ? ORDER BY modseq, number LIMIT ?"""


def advance_tree(tx: Transaction, user: Username) -> int:
    """Take the tree's next ModSeq."""
    return int(tx.execute(_ADVANCE, (user.value,)).fetchone()[0])


def log_tree(
    tx: Transaction,
    modseq: int,
    number: int,
    change: TreeChange,
    mailbox: int | None,
    path: MailboxPath,
    at: int,
    before: MailboxPath | None = None,
) -> None:
    """Write an entry into the log of the path's user. `number` tells entries of one ModSeq apart; `at` in epoch seconds."""
    old = (None, None) if before is None else (before.namespace, before.name)
    tx.execute(_WRITE, (path.user.value, modseq, number, int(change), mailbox, path.namespace, path.name, *old, at))


def read_tree(execute: Execute, names: Names, user: Username, since: int, limit: int) -> TreePage:
    """The statements belong into one snapshot."""
    head = execute(_HEAD, (user.value,)).fetchone()
    if head is None or head[0] <= since:
        highest = ModSeq(0 if head is None else head[0])
        return TreePage(highest, [], highest)
    highest = ModSeq(head[0])
    if since < head[1]:
        return TreePage(highest, [], ModSeq(since), complete=False)
    rows = execute(_READ, (user.value, since, limit + 1)).fetchall()
    until = highest
    if len(rows) > limit and rows[0][0] != rows[-1][0]:
        cut = rows[-1][0]
        rows = [row for row in rows if row[0] < cut]
        until = ModSeq(rows[-1][0])
    elif len(rows) > limit:
        # one rename of a large tree: a ModSeq goes as a whole
        rows = execute(_READ, (user.value, since, -1)).fetchall()
        rows = [row for row in rows if row[0] == rows[0][0]]
        until = ModSeq(rows[-1][0])
    entries = [
        TreeEntry(
            ModSeq(modseq),
            TreeChange(change),
            None if mailbox is None else names.mailbox(mailbox),
            MailboxPath(namespace, user, name),
            None if name_before is None else MailboxPath(namespace_before, user, name_before),
        )
        for modseq, change, mailbox, namespace, name, namespace_before, name_before in rows
    ]
    return TreePage(highest, entries, until)
