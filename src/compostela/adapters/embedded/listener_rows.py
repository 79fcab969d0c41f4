"""What the parts of the store that serve listeners have in common: names of logs, pending rows, what is held back for groups."""

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import HEAD, MAILBOX, Names
from compostela.adapters.embedded.writer import Transaction
from compostela.core.events.model import LogId
from compostela.model.username import Username

LogKey = int | str
"""`log` in the tables: the row id of a mailbox, or a tree's user after a prefix (a user may be called `12`)."""
TREE_PREFIX = "t:"
LOGGED_MAILBOX = f"{MAILBOX}, {HEAD}, log_floor"
"""The columns that `mailbox` and `held_mailbox` have in common."""
IS_PENDING = """EXISTS (SELECT 1 FROM listener_group g JOIN listener_pending p ON p.listener = g.id AND p.log = {log}
    WHERE NOT g.is_removed)"""
"""Whether a group has not passed a log; `{log}` is the expression that names it."""
# a pending group without a cursor gets a snapshot: it needs nothing of the log
SLOWEST = """SELECT min(c.modseq) FROM listener_group g JOIN listener_pending p ON p.listener = g.id AND p.log = {log}
    JOIN listener_cursor c ON c.listener = g.id AND c.log = {log} WHERE NOT g.is_removed"""
"""The lowest cursor of the groups that have not passed a log, NULL if none needs it; `{log}` as above."""
_ANY_GROUP = "SELECT 1 FROM listener_group WHERE NOT is_removed LIMIT 1"
_NEEDS_CONTENT = "SELECT 1 FROM listener_group WHERE needs_content AND NOT is_removed LIMIT 1"
_HOLD_MAILBOX = (
    f"""INSERT INTO held_mailbox ({LOGGED_MAILBOX}, deleted_at) SELECT {LOGGED_MAILBOX}, ? FROM mailbox WHERE id = ?"""
)
_HOLD_MESSAGE = "INSERT OR IGNORE INTO held_message VALUES (?, ?, ?, ?)"


def log_key(names: Names, log: LogId) -> LogKey:
    return TREE_PREFIX + log.value if isinstance(log, Username) else names.row(log)


def log_id(names: Names, key: LogKey) -> LogId:
    return Username(key.removeprefix(TREE_PREFIX)) if isinstance(key, str) else names.mailbox(key)


def hold_mailbox(tx: Transaction, mailbox: int, now: int) -> bool:
    """Keep a mailbox that is about to be deleted for listener groups. Return False if there is no group."""
    if tx.execute(_ANY_GROUP).fetchone() is None:
        return False
    tx.execute(_HOLD_MAILBOX, (now, mailbox))
    return True


def content_is_needed(execute: Execute) -> bool:
    """True if a group needs the content of expunged messages."""
    return execute(_NEEDS_CONTENT).fetchone() is not None


def hold_message(tx: Transaction, mailbox: int, modseq: int, message: int, now: int) -> None:
    """Keep the message that was expunged with this ModSeq."""
    tx.execute(_HOLD_MESSAGE, (mailbox, modseq, message, now))
