"""Writes to mailboxes, as jobs inside a writer's transaction: the state, the head's counters and the log entries together.

A call takes one ModSeq for up to `MAX_MESSAGES_OF_A_MODSEQ` messages, and further ones for more."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.listener_rows import content_is_needed, hold_message
from compostela.adapters.embedded.mailbox_log import log_added, log_expunged, log_flags
from compostela.adapters.embedded.mailbox_rows import PLACEMENT, PlacementRow, flags_of, keywords_of, keywords_text
from compostela.adapters.embedded.packing import pack
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import NotFound
from compostela.core.mailbox.log import MAX_MESSAGES_OF_A_MODSEQ
from compostela.core.mailbox.model import NewMessage
from compostela.model.flags import NO_KEYWORDS, Flags, FlagsMode, SystemFlag
from compostela.model.uid_set import UidSet

_ADVANCE = """UPDATE mailbox SET uid_next = uid_next + ?1, highest_modseq = highest_modseq + ?8, messages = messages + ?2,
    unseen = unseen + ?3, deleted = deleted + ?4, size_bytes = size_bytes + ?5, deleted_bytes = deleted_bytes + ?6,
    recent = recent + ?1 WHERE id = ?7 RETURNING uid_next, highest_modseq"""
_KEYWORDS = "SELECT keywords FROM mailbox WHERE id = ?"
_KEEP_KEYWORDS = "UPDATE mailbox SET keywords = ? WHERE id = ?"
_NO_LONGER_RECENT = "UPDATE mailbox SET recent = recent - ? WHERE id = ?"
_FIRST_RECENT = "SELECT first_recent_uid FROM mailbox WHERE id = ? AND recent > 0"
_PLACE = "INSERT INTO placement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MESSAGE = "INSERT INTO message (header, coding, structure, body) VALUES (?, ?, ?, ?) RETURNING id"
_BETWEEN = f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_DROP_UNPLACED = """DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM placement WHERE message = ?1)
    AND NOT EXISTS (SELECT 1 FROM held_message WHERE message = ?1)"""
_RANGE = f"{_BETWEEN} ORDER BY uid"
_LIMITED_RANGE = f"{_BETWEEN} ORDER BY uid LIMIT ?"
_DELETED_RANGE = f"{_BETWEEN} AND flags & 8 <> 0 ORDER BY uid LIMIT ?"


class Totals(NamedTuple):
    """What some rows count in a mailbox's head."""

    messages: int
    unseen: int
    deleted: int
    size: int
    deleted_bytes: int


def totals(rows: Iterable[tuple[int, int]]) -> Totals:
    """From (flags, size)."""
    messages = unseen = deleted = size = deleted_bytes = 0
    for flags, octets in rows:
        messages += 1
        size += octets
        unseen += not flags & SystemFlag.SEEN
        if flags & SystemFlag.DELETED:
            deleted += 1
            deleted_bytes += octets
    return Totals(messages, unseen, deleted, size, deleted_bytes)


def advance(tx: Transaction, mailbox: int, uids: int, change: Totals, sign: int = 1, rows: int = 1) -> tuple[int, int]:
    """Take `uids` UIDs and the ModSeqs for a change of `rows` messages; return the first of each. Raises `NotFound`."""
    modseqs = (max(rows, 1) - 1) // MAX_MESSAGES_OF_A_MODSEQ + 1
    values = (uids, *[sign * part for part in change], mailbox, modseqs)
    row = tx.execute(_ADVANCE, values).fetchone()
    if row is None:
        raise NotFound("the mailbox is gone")
    return row[0] - uids, row[1] - modseqs + 1


def modseq_of(first: int, number: int) -> int:
    """The ModSeq of the message at position `number` (from 0) of a change whose ModSeqs begin with `first`."""
    return first + number // MAX_MESSAGES_OF_A_MODSEQ


def add_keywords(tx: Transaction, mailbox: int, flags: Iterable[Flags]) -> None:
    """Note keywords that are new in the mailbox."""
    used = NO_KEYWORDS.union(*[one.keywords for one in flags])
    if not used:
        return
    known = keywords_of(tx.execute(_KEYWORDS, (mailbox,)).fetchone()[0])
    if not used <= known:
        tx.execute(_KEEP_KEYWORDS, (" ".join(sorted(known | used)), mailbox))


def append(
    tx: Transaction, blobs: EmbeddedBlobs, mailbox: int, messages: Sequence[NewMessage], now: int
) -> tuple[int, int, list[int]]:
    """First UID, first ModSeq and message ids."""
    count = len(messages)
    change = totals([(m.flags.system, m.content.size) for m in messages])
    first, modseq = advance(tx, mailbox, count, change, rows=count)
    ids = []
    for number, message in enumerate(messages):
        body = blobs.put(tx, message.content.body)
        coding, header = pack(message.content.header)
        row_id = tx.execute(_MESSAGE, (header, coding, message.structure, body)).fetchone()[0]
        ids.append(row_id)
        row = PlacementRow(
            first + number,
            modseq_of(modseq, number),
            message.flags.system,
            keywords_text(message.flags),
            message.content.size,
            message.internal_date,
            now,
            row_id,
        )
        tx.execute(_PLACE, (mailbox, *row))
        log_added(tx, mailbox, row, now)
    add_keywords(tx, mailbox, [m.flags for m in messages])
    return first, modseq, ids


def select(tx: Transaction, mailbox: int, uids: UidSet) -> list[PlacementRow]:
    """In UID order."""
    return [
        PlacementRow(*row)
        for first, last in uids.ranges
        for row in tx.execute(_RANGE, (mailbox, first, last)).fetchall()
    ]


def select_some(
    tx: Transaction, mailbox: int, uids: UidSet, after: int, limit: int, *, deleted_only: bool
) -> list[PlacementRow]:
    """The next `limit` rows after a UID, in UID order."""
    statement = _DELETED_RANGE if deleted_only else _LIMITED_RANGE
    rows: list[PlacementRow] = []
    for first, last in uids.ranges:
        if last > after and len(rows) < limit:
            found = tx.execute(statement, (mailbox, max(first, after + 1), last, limit - len(rows)))
            rows += [PlacementRow(*row) for row in found.fetchall()]
    return rows


def copy(tx: Transaction, rows: Sequence[PlacementRow], target: int, now: int) -> tuple[int, int]:
    """First UID in the target, and the highest ModSeq after it."""
    count = len(rows)
    first, modseq = advance(tx, target, count, totals((row.flags, row.size) for row in rows), rows=count)
    for number, row in enumerate(rows):
        copied = row._replace(uid=first + number, modseq=modseq_of(modseq, number), save_date=now)
        tx.execute(_PLACE, (target, *copied))
        log_added(tx, target, copied, now)
    add_keywords(tx, target, (flags_of(row.flags, row.keywords) for row in rows))
    return first, modseq_of(modseq, count - 1)


def remove(tx: Transaction, mailbox: int, rows: Sequence[PlacementRow], now: int) -> None:
    """Expunge rows."""
    _, modseq = advance(tx, mailbox, 0, totals((row.flags, row.size) for row in rows), -1, rows=len(rows))
    first_recent = tx.execute(_FIRST_RECENT, (mailbox,)).fetchone()
    if first_recent is not None:
        tx.execute(_NO_LONGER_RECENT, (sum(row.uid >= first_recent[0] for row in rows), mailbox))
    is_needed = content_is_needed(tx.execute)
    for number, row in enumerate(rows):
        at = modseq_of(modseq, number)
        tx.execute("DELETE FROM placement WHERE mailbox = ? AND uid = ?", (mailbox, row.uid))
        log_expunged(tx, mailbox, row, at, now)
        if is_needed:
            hold_message(tx, mailbox, at, row.message, now)
    drop_unplaced(tx, {row.message for row in rows})


def drop_unplaced(tx: Transaction, messages: Iterable[int]) -> None:
    """Remove messages that are in no mailbox any more and that no listener group needs; garbage collection takes their
    bodies."""
    for message in messages:
        tx.execute(_DROP_UNPLACED, (message,))


def store_flags(
    tx: Transaction, mailbox: int, rows: Sequence[PlacementRow], mode: FlagsMode, given: Flags, now: int
) -> tuple[list[PlacementRow], bool]:
    """The rows as they are then, and whether any changed."""
    changed: list[tuple[PlacementRow, Flags]] = []
    for row in rows:
        current = flags_of(row.flags, row.keywords)
        wanted = mode.apply(current, given)
        if wanted != current:
            changed.append((row, wanted))
    if not changed:
        return list(rows), False
    before = totals((row.flags, row.size) for row, _ in changed)
    after = totals((flags.system, row.size) for row, flags in changed)
    difference = Totals(*(b - a for a, b in zip(before, after, strict=True)))
    _, modseq = advance(tx, mailbox, 0, difference, rows=len(changed))
    updated = {}
    for number, (row, flags) in enumerate(changed):
        new = row._replace(modseq=modseq_of(modseq, number), flags=flags.system, keywords=keywords_text(flags))
        tx.execute(
            "UPDATE placement SET flags = ?, keywords = ?, modseq = ? WHERE mailbox = ? AND uid = ?",
            (new.flags, new.keywords, new.modseq, mailbox, row.uid),
        )
        log_flags(tx, mailbox, row, new, now)
        updated[row.uid] = new
    add_keywords(tx, mailbox, (flags for _, flags in changed))
    return [updated.get(row.uid, row) for row in rows], True
