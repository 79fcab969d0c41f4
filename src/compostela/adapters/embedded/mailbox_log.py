"""The change log of mailboxes: a row for each change of a message, written in the transaction that makes the change."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.mailbox_rows import HEAD, Names, PlacementRow, flags_of, head_of
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import NotFound
from compostela.core.mailbox.log import Change, LogEntry, LogPage
from compostela.core.mailbox.model import MailboxHead
from compostela.model.numbers import ModSeq

_WRITE = "INSERT INTO mailbox_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ENTRY = """l.modseq, l.uid, l.change, l.flags, l.keywords, l.flags_before, l.keywords_before, l.size, l.internal_date,
    l.save_date, l.message"""
_READ = f"SELECT {_ENTRY} FROM mailbox_log l WHERE mailbox = ? AND modseq > ? ORDER BY modseq, uid LIMIT ?"
SHORT_PAGE = 8
"""So many entries are read with the head in one statement."""
_HEAD_COLUMNS = HEAD.count(",") + 1
_LOOK = f"""SELECT {", ".join("m." + column for column in HEAD.split(", "))}, m.log_floor, {_ENTRY} FROM mailbox m LEFT JOIN mailbox_log l ON l.mailbox = m.id AND l.modseq > ?2
    WHERE m.id = ?1 ORDER BY l.modseq, l.uid LIMIT {SHORT_PAGE + 1}"""
_FLOOR = "SELECT log_floor FROM mailbox WHERE id = ?"

_make_entry = partial(tuple.__new__, LogEntry)


def log_added(tx: Transaction, mailbox: int, row: PlacementRow, at: int) -> None:
    """Note a message that was appended, copied or moved into the mailbox. `at` is the time in epoch seconds."""
    tx.execute(
        _WRITE,
        (mailbox, row.modseq, row.uid, int(Change.ADDED), row.flags, row.keywords, None, None, row.size, row.internal_date,
         row.save_date, row.message, at),
    )  # fmt: skip


def log_flags(tx: Transaction, mailbox: int, before: PlacementRow, after: PlacementRow, at: int) -> None:
    tx.execute(
        _WRITE,
        (mailbox, after.modseq, after.uid, int(Change.FLAGS_UPDATED), after.flags, after.keywords, before.flags,
         before.keywords, after.size, after.internal_date, after.save_date, after.message, at),
    )  # fmt: skip


def log_expunged(tx: Transaction, mailbox: int, row: PlacementRow, modseq: int, at: int) -> None:
    tx.execute(
        _WRITE,
        (mailbox, modseq, row.uid, int(Change.EXPUNGED), row.flags, row.keywords, row.flags, row.keywords, row.size,
         row.internal_date, row.save_date, row.message, at),
    )  # fmt: skip


def look(execute: Execute, names: Names, mailbox: int, since: int, limit: int) -> LogPage | None:
    """The page after `since` in one statement, None if it has more than `SHORT_PAGE` entries. Raises `NotFound`."""
    rows = execute(_LOOK, (mailbox, since)).fetchall()
    if not rows:
        raise NotFound("the mailbox is gone")
    head, floor = head_of(rows[0][:_HEAD_COLUMNS]), rows[0][_HEAD_COLUMNS]
    if head.highest_modseq <= since:
        return LogPage(head, [], head.highest_modseq)
    if since < floor:
        return LogPage(head, [], ModSeq(since), complete=False)
    if len(rows) > min(limit, SHORT_PAGE):
        return None
    # a change without an entry (a recount) raises the ModSeq alone
    entries = [row[_HEAD_COLUMNS + 1 :] for row in rows if row[_HEAD_COLUMNS + 1] is not None]
    return LogPage(head, list(_entries(names, entries)), head.highest_modseq)


def read_page(execute: Execute, names: Names, mailbox: int, head: MailboxHead, since: int, limit: int) -> LogPage:
    """The statements belong into one snapshot with the one that read `head`."""
    if head.highest_modseq <= since:
        return LogPage(head, [], head.highest_modseq)
    floor = execute(_FLOOR, (mailbox,)).fetchone()
    if floor is None:
        return LogPage(head, [], ModSeq(since), complete=False)
    return page_of(execute, names, mailbox, head, floor[0], since, limit)


def page_of(
    execute: Execute, names: Names, mailbox: int, head: MailboxHead, floor: int, since: int, limit: int
) -> LogPage:
    """As `read_page`, for a mailbox whose log's floor is known."""
    if head.highest_modseq <= since:
        return LogPage(head, [], head.highest_modseq)
    if since < floor:
        return LogPage(head, [], ModSeq(since), complete=False)
    rows = execute(_READ, (mailbox, since, limit + 1)).fetchall()
    until = head.highest_modseq
    if len(rows) > limit:
        # the last ModSeq may go on after the limit: it belongs to the next page as a whole
        cut = rows[-1][0]
        rows = [row for row in rows if row[0] < cut]
        until = ModSeq(rows[-1][0])
    return LogPage(head, list(_entries(names, rows)), until)


def _entries(names: Names, rows: Iterable[tuple[Any, ...]]) -> Iterable[LogEntry]:
    for modseq, uid, change, flags, keywords, flags_before, keywords_before, size, internal, saved, message in rows:
        before = None if flags_before is None else flags_of(flags_before, keywords_before)
        yield _make_entry(
            (
                modseq,
                uid,
                Change(change),
                flags_of(flags, keywords),
                before,
                size,
                internal,
                saved,
                names.message(message),
            )
        )
