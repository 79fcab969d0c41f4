"""What has happened in a mailbox since a ModSeq: how everything that this process keeps of it in memory is brought up to date."""

from typing import NamedTuple

from compostela.adapters.embedded.database import Execute

MAX_CHANGES = 1000
"""After more than these it is quicker to read the mailbox anew."""
_CHANGED = "SELECT uid, modseq, flags, keywords FROM placement WHERE mailbox = ? AND modseq > ? LIMIT ?"
_GONE = "SELECT uid FROM expunged WHERE mailbox = ? AND modseq > ? LIMIT ?"
_FLOOR = "SELECT expunge_floor FROM mailbox WHERE id = ?"


class Since(NamedTuple):
    """Rows of messages that are new or have other flags (UID, ModSeq, flags, keywords), and UIDs of those that are gone."""

    changed: list[tuple[int, int, int, str]]
    gone: list[int]


def read_since(execute: Execute, mailbox: int, modseq: int) -> Since | None:
    """None when too much has happened, or when the log of expunged messages does not reach back so far. The statements
    belong into one snapshot, with the one that reads the mailbox's head."""
    floor = execute(_FLOOR, (mailbox,)).fetchone()
    if floor is None or modseq < floor[0]:
        return None
    arguments = (mailbox, modseq, MAX_CHANGES + 1)
    found = Since(execute(_CHANGED, arguments).fetchall(), [row[0] for row in execute(_GONE, arguments).fetchall()])
    return found if max(len(found.changed), len(found.gone)) <= MAX_CHANGES else None
