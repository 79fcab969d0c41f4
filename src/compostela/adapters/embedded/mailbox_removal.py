"""The removal of a mailbox with its messages and its log, in steps that hold up no other write.

A mailbox is gone from the moment at which its row is; its messages follow in bounded transactions. A crash in between leaves
its id in the table `deleted_mailbox`, and the next start or collection goes on. The ids of mailboxes are never used again.

While there are listener groups, the row goes to `held_mailbox` first. Messages and log stay, unreachable by name, until all
groups have passed the deletion (see `listener_holds`).
"""

from compostela.adapters.embedded.listener_rows import hold_mailbox
from compostela.adapters.embedded.mailbox_writes import drop_unplaced
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import NotFound

STEP_ROWS = 500
_LOG_STEP = "SELECT modseq FROM mailbox_log WHERE mailbox = ? ORDER BY modseq LIMIT 1 OFFSET ?"


def delete(tx: Transaction, mailbox: int, now: int) -> bool:
    """Remove the mailbox and the first of its messages. Return True when nothing is left to be done. Raises `NotFound`. `now` in
    epoch seconds."""
    is_held = hold_mailbox(tx, mailbox, now)
    tx.execute("DELETE FROM mailbox WHERE id = ?", (mailbox,))
    if tx.connection.changes() == 0:
        raise NotFound("the mailbox is gone")
    if is_held:
        return True
    if _purge_step(tx, mailbox):
        return True
    tx.execute("INSERT INTO deleted_mailbox VALUES (?)", (mailbox,))
    return False


async def purge_deleted(writer: Writer) -> None:
    """Goes on until nothing is left of any deleted mailbox."""
    while await writer.run(_purge_any, frees_space=True, is_long=True):
        pass


def _purge_any(tx: Transaction) -> bool:
    """One step; False when there was nothing to do."""
    row = tx.execute("SELECT id FROM deleted_mailbox LIMIT 1").fetchone()
    if row is None:
        return False
    if _purge_step(tx, row[0]):
        tx.execute("DELETE FROM deleted_mailbox WHERE id = ?", row)
    return True


def _purge_step(tx: Transaction, mailbox: int) -> bool:
    """True when the step was the last one."""
    rows = tx.execute("SELECT uid, message FROM placement WHERE mailbox = ? LIMIT ?", (mailbox, STEP_ROWS)).fetchall()
    for uid, _ in rows:
        tx.execute("DELETE FROM placement WHERE mailbox = ? AND uid = ?", (mailbox, uid))
    drop_unplaced(tx, {message for _, message in rows})
    if len(rows) == STEP_ROWS:
        return False
    end = tx.execute(_LOG_STEP, (mailbox, 10 * STEP_ROWS)).fetchone()
    if end is None:
        tx.execute("DELETE FROM mailbox_log WHERE mailbox = ?", (mailbox,))
        return True
    tx.execute("DELETE FROM mailbox_log WHERE mailbox = ? AND modseq <= ?", (mailbox, end[0]))
    return False
