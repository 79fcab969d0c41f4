"""What is held back for listener groups, until they have passed it: deleted mailboxes with their messages and logs, and expunged
messages. At most for `HELD_SECONDS`, and less if it would be more than `HELD_BYTES`: then the oldest goes first."""

from collections.abc import Sequence
from functools import partial

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.listener_rows import IS_PENDING, SLOWEST
from compostela.adapters.embedded.mailbox_writes import drop_unplaced
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer

HELD_SECONDS = 7 * 86400.0
HELD_BYTES = 1024**3
"""How much is held at most: once for deleted mailboxes and messages, once for logs."""
_HOUR = 3600
STEP_ROWS = 500
_NEXT_MAILBOX = "SELECT id, deleted_at, highest_modseq > log_floor FROM held_mailbox WHERE id > ? ORDER BY id LIMIT ?"
_NOT_PASSED = "SELECT " + IS_PENDING.format(log="?")
_PURGE = "INSERT OR IGNORE INTO deleted_mailbox VALUES (?)"
_CUT_LOG = "UPDATE held_mailbox SET log_floor = highest_modseq, messages = 0 WHERE id = ?"
_RELEASE = "DELETE FROM held_mailbox WHERE id = ?"
_NEXT_WITH_MESSAGES = "SELECT mailbox FROM held_message WHERE mailbox > ? ORDER BY mailbox LIMIT 1"
_PASSED = f"{SLOWEST.format(log='?1')} AND g.needs_content"
_HELD_MESSAGES = """SELECT modseq, message FROM held_message WHERE mailbox = ?1 AND (modseq <= ?2 OR expunged_at < ?3)
    ORDER BY modseq LIMIT ?4"""
_RELEASE_MESSAGE = "DELETE FROM held_message WHERE mailbox = ? AND modseq = ? AND message = ?"
_BY_HOUR = f"""SELECT hour, sum(size) FROM (
    SELECT deleted_at / {_HOUR} AS hour, size_bytes AS size FROM held_mailbox WHERE messages > 0
    UNION ALL SELECT expunged_at / {_HOUR}, length(m.header) + b.size FROM held_message h JOIN message m ON m.id = h.message
    JOIN blob b ON b.id = m.body WHERE NOT EXISTS (SELECT 1 FROM placement WHERE placement.message = h.message)
    ) GROUP BY hour ORDER BY hour DESC"""
_EVERYTHING = 2**63 - 1


async def release(
    writer: Writer, reader: Reader, now: float, seconds: float = HELD_SECONDS, size_bytes: int = HELD_BYTES
) -> None:
    """Let go what all groups have passed, what is older than `seconds`, and the oldest, hour by hour, of what is more than
    `size_bytes`. `now` in epoch seconds.

    Of a deleted mailbox that is too old the row alone stays, so that its groups are still told of its deletion."""
    # what the groups have passed goes first: it is not to push out what they have not
    await _release_mailboxes(writer, reader, now - seconds)
    await _release_messages(writer, reader, now - seconds)
    too_old = await reader.scan(lambda execute: _beyond(execute, size_bytes))
    if too_old is not None:
        await _release_mailboxes(writer, reader, too_old)
        await _release_messages(writer, reader, too_old)


def _beyond(execute: Execute, size_bytes: int) -> float | None:
    """The end of the youngest hour with which what is held is more than `size_bytes`, in epoch seconds; None if it is not."""
    held = 0
    for hour, size in execute(_BY_HOUR).fetchall():
        held += size
        if held > size_bytes:
            return float((hour + 1) * _HOUR)
    return None


async def _release_mailboxes(writer: Writer, reader: Reader, before: float) -> None:
    after = 0
    while rows := reader.execute(_NEXT_MAILBOX, (after, STEP_ROWS)).fetchall():
        after = rows[-1][0]
        passed = [mailbox for mailbox, _, _ in rows if not reader.execute(_NOT_PASSED, (mailbox,)).fetchone()[0]]
        old = [mailbox for mailbox, deleted_at, has_log in rows if deleted_at < before and has_log]
        if passed or old:
            await writer.run(partial(_release_some, passed=passed, old=old), frees_space=True, is_long=True)


def _release_some(tx: Transaction, passed: Sequence[int], old: Sequence[int]) -> None:
    for mailbox in passed:
        tx.execute(_PURGE, (mailbox,))
        tx.execute(_RELEASE, (mailbox,))
    for mailbox in set(old).difference(passed):
        tx.execute(_PURGE, (mailbox,))
        tx.execute(_CUT_LOG, (mailbox,))


async def _release_messages(writer: Writer, reader: Reader, before: float) -> None:
    mailbox = 0
    while (row := reader.execute(_NEXT_WITH_MESSAGES, (mailbox,)).fetchone()) is not None:
        mailbox = row[0]
        step = partial(_release_messages_of, mailbox=mailbox, before=before)
        while await writer.run(step, frees_space=True, is_long=True) == STEP_ROWS:
            pass


def _release_messages_of(tx: Transaction, mailbox: int, before: float) -> int:
    rows = _passed_messages(tx.execute, mailbox, before)
    for modseq, message in rows:
        tx.execute(_RELEASE_MESSAGE, (mailbox, modseq, message))
    drop_unplaced(tx, {message for _, message in rows})
    return len(rows)


def _passed_messages(execute: Execute, mailbox: int, before: float) -> list[tuple[int, int]]:
    passed = execute(_PASSED, (mailbox,)).fetchone()[0]
    until = _EVERYTHING if passed is None else passed
    rows: list[tuple[int, int]] = execute(_HELD_MESSAGES, (mailbox, until, before, STEP_ROWS)).fetchall()
    return rows
