"""Writes to mailboxes, as jobs inside a writer's transaction. Each call takes one ModSeq."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.mailbox_rows import PLACEMENT, flags_of, keywords_text
from compostela.adapters.embedded.packing import pack
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import NotFound
from compostela.core.mailbox.model import NewMessage
from compostela.model.flags import Flags, FlagsMode, SystemFlag
from compostela.model.uid_set import UidSet

_ADVANCE = """UPDATE mailbox SET uid_next = uid_next + ?1, highest_modseq = highest_modseq + 1, messages = messages + ?2,
    unseen = unseen + ?3, deleted = deleted + ?4, size_bytes = size_bytes + ?5, deleted_bytes = deleted_bytes + ?6
    WHERE id = ?7 RETURNING uid_next, highest_modseq"""
_PLACE = "INSERT INTO placement VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MESSAGE = "INSERT INTO message (header, coding, structure, body) VALUES (?, ?, ?, ?) RETURNING id"
_KEYWORD = "INSERT OR IGNORE INTO keyword VALUES (?, ?)"
_BETWEEN = f"SELECT {PLACEMENT} FROM placement WHERE mailbox = ? AND uid BETWEEN ? AND ?"
_RANGE = f"{_BETWEEN} ORDER BY uid"
_LIMITED_RANGE = f"{_BETWEEN} ORDER BY uid LIMIT ?"
_DELETED_RANGE = f"{_BETWEEN} AND flags & 8 <> 0 ORDER BY uid LIMIT ?"


class PlacementRow(NamedTuple):
    """The columns of `PLACEMENT`."""

    uid: int
    modseq: int
    flags: int
    keywords: str
    size: int
    internal_date: int
    save_date: int
    message: int


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


def advance(tx: Transaction, mailbox: int, uids: int, change: Totals, sign: int = 1) -> tuple[int, int]:
    """Takes `uids` UIDs and one ModSeq; gives the first of these UIDs and the ModSeq. Raises `NotFound`."""
    values = (uids, *(sign * part for part in change), mailbox)
    row = tx.execute(_ADVANCE, values).fetchone()
    if row is None:
        raise NotFound("the mailbox is gone")
    return row[0] - uids, row[1]


def add_keywords(tx: Transaction, mailbox: int, flags: Iterable[Flags]) -> None:
    for keyword in {keyword for one in flags for keyword in one.keywords}:
        tx.execute(_KEYWORD, (mailbox, keyword))


def append(
    tx: Transaction, blobs: EmbeddedBlobs, mailbox: int, messages: Sequence[NewMessage], now: int
) -> tuple[int, int, list[int]]:
    """First UID, ModSeq and message ids."""
    first, modseq = advance(tx, mailbox, len(messages), totals((m.flags.system, m.content.size) for m in messages))
    ids = []
    for uid, message in enumerate(messages, first):
        body = blobs.put(tx, message.content.body)
        coding, header = pack(message.content.header)
        row_id = tx.execute(_MESSAGE, (header, coding, message.structure, body)).fetchone()[0]
        ids.append(row_id)
        flags = message.flags
        keywords = keywords_text(flags)
        size = message.content.size
        tx.execute(_PLACE, (mailbox, uid, modseq, flags.system, keywords, size, message.internal_date, now, row_id))
    add_keywords(tx, mailbox, (m.flags for m in messages))
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
    """The next `limit` rows behind a UID, in UID order."""
    statement = _DELETED_RANGE if deleted_only else _LIMITED_RANGE
    rows: list[PlacementRow] = []
    for first, last in uids.ranges:
        if last > after and len(rows) < limit:
            found = tx.execute(statement, (mailbox, max(first, after + 1), last, limit - len(rows)))
            rows += [PlacementRow(*row) for row in found.fetchall()]
    return rows


def copy(tx: Transaction, rows: Sequence[PlacementRow], target: int, now: int) -> tuple[int, int]:
    """First UID in the target and ModSeq."""
    first, modseq = advance(tx, target, len(rows), totals((row.flags, row.size) for row in rows))
    for uid, row in enumerate(rows, first):
        values = (target, uid, modseq, row.flags, row.keywords, row.size, row.internal_date, now, row.message)
        tx.execute(_PLACE, values)
    add_keywords(tx, target, (flags_of(row.flags, row.keywords) for row in rows))
    return first, modseq


def remove(tx: Transaction, mailbox: int, rows: Sequence[PlacementRow]) -> int:
    """Expunges rows; gives the ModSeq."""
    _, modseq = advance(tx, mailbox, 0, totals((row.flags, row.size) for row in rows), -1)
    for row in rows:
        tx.execute("DELETE FROM placement WHERE mailbox = ? AND uid = ?", (mailbox, row.uid))
        tx.execute("INSERT INTO expunged VALUES (?, ?, ?)", (mailbox, modseq, row.uid))
    drop_unplaced(tx, {row.message for row in rows})
    return modseq


def drop_unplaced(tx: Transaction, messages: Iterable[int]) -> None:
    """Removes messages that stand in no mailbox any more; garbage collection takes their bodies."""
    for message in messages:
        tx.execute(
            "DELETE FROM message WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM placement WHERE message = ?1)", (message,)
        )


def store_flags(
    tx: Transaction, mailbox: int, rows: Sequence[PlacementRow], mode: FlagsMode, given: Flags
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
    _, modseq = advance(tx, mailbox, 0, Totals(*(b - a for a, b in zip(before, after, strict=True))))
    updated = {}
    for row, flags in changed:
        keywords = keywords_text(flags)
        tx.execute(
            "UPDATE placement SET flags = ?, keywords = ?, modseq = ? WHERE mailbox = ? AND uid = ?",
            (flags.system, keywords, modseq, mailbox, row.uid),
        )
        updated[row.uid] = row._replace(modseq=modseq, flags=flags.system, keywords=keywords)
    add_keywords(tx, mailbox, (flags for _, flags in changed))
    return [updated.get(row.uid, row) for row in rows], True
