"""What goes with a mailbox, and what goes from a mailbox's log of expunged messages: in steps that hold up no other write.

A mailbox is gone from the moment at which its row is; its messages follow in bounded transactions. A crash in between leaves
its id in the table `deleted_mailbox`, and the next start or collection goes on. The ids of mailboxes are never used again.
"""

from functools import partial

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_writes import drop_unplaced
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import NotFound

STEP_ROWS = 500
MAX_EXPUNGED = 50_000
"""Expunged UIDs that a mailbox remembers. A client that was away for longer compares UID sets (RFC 7162 §3.2.5.2)."""

_LONG_LOGS = "SELECT mailbox, count(*) FROM expunged GROUP BY mailbox HAVING count(*) > ?"
_FLOOR = "SELECT modseq FROM expunged WHERE mailbox = ? ORDER BY modseq LIMIT 1 OFFSET ?"


def delete(tx: Transaction, mailbox: int) -> bool:
    """Removes the mailbox and the first of its messages. True when nothing is left of it. Raises `NotFound`."""
    tx.execute("DELETE FROM mailbox WHERE id = ?", (mailbox,))
    if tx.connection.changes() == 0:
        raise NotFound("the mailbox is gone")
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
    tx.execute("DELETE FROM keyword WHERE mailbox = ?", (mailbox,))
    floor = tx.execute(_FLOOR, (mailbox, 10 * STEP_ROWS)).fetchone()
    if floor is None:
        tx.execute("DELETE FROM expunged WHERE mailbox = ?", (mailbox,))
        return True
    tx.execute("DELETE FROM expunged WHERE mailbox = ? AND modseq <= ?", (mailbox, floor[0]))
    return False


async def trim_expunge_logs(writer: Writer, reader: Reader, limit: int = MAX_EXPUNGED) -> None:
    """Cuts the logs of expunged messages to `limit` UIDs each."""

    def find(execute: Execute) -> list[tuple[int, int]]:
        return execute(_LONG_LOGS, (limit,)).fetchall()

    for mailbox, length in await reader.scan(find):
        for rest in range(length - limit, 0, -STEP_ROWS):
            await writer.run(partial(_trim, mailbox=mailbox, count=min(rest, STEP_ROWS)), is_long=True)


def _trim(tx: Transaction, mailbox: int, count: int) -> None:
    """Forgets the oldest UIDs, `count` or a few more (a ModSeq goes as a whole)."""
    row = tx.execute(_FLOOR, (mailbox, count - 1)).fetchone()
    if row is not None:
        tx.execute("DELETE FROM expunged WHERE mailbox = ? AND modseq <= ?", (mailbox, row[0]))
        tx.execute("UPDATE mailbox SET expunge_floor = ? WHERE id = ?", (row[0], mailbox))
