"""The change logs of a mailbox and of a user's tree of mailboxes.

Each has a version (ModSeq) and entries with before-images: the state before the change. An entry is written in the same
atomic step as the state. A reader keeps a cursor, the ModSeq that it has reached, and asks for what came after it.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from compostela.core.mailbox.model import MailboxHead
from compostela.model.flags import Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import UidSet

MAX_MESSAGES_OF_A_MODSEQ = 1000
"""A call on more messages takes several ModSeqs, so that every page of a log can hold whole ones."""
PAGE_ENTRIES = 1000
"""The usual length of a page; at least `MAX_MESSAGES_OF_A_MODSEQ`."""


class Change(enum.IntEnum):
    """What happened to a message."""

    ADDED = 1
    FLAGS_UPDATED = 2
    EXPUNGED = 3


class LogEntry(NamedTuple):
    """One change of one message. A tuple, because pages hold a thousand.

    `flags` are those after the change, and the last ones of a message that was expunged. `flags_before` are those before it,
    None for a message that was added. `size` in octets, times in epoch seconds. `message_id` names the content, which can be
    read as long as a listener group needs it."""

    modseq: ModSeq
    uid: Uid
    change: Change
    flags: Flags
    flags_before: Flags | None
    size: int
    internal_date: int
    save_date: int
    message_id: MessageId


class LogPage(NamedTuple):
    """Entries after a ModSeq, ordered by ModSeq and UID.

    Every change after the one that was asked for and up to `until` is in `entries`; `until` is the head's highest ModSeq when
    the page reaches the end of the log. `complete` is False when the log no longer reaches back to the ModSeq that was asked
    for: then there are no entries, and the reader compares its state with the mailbox instead."""

    head: MailboxHead
    entries: list[LogEntry]
    until: ModSeq
    complete: bool = True

    @property
    def is_last(self) -> bool:
        return self.until >= self.head.highest_modseq


class TreeChange(enum.IntEnum):
    """What happened to a name in a user's tree."""

    CREATED = 1
    RENAMED = 2
    DELETED = 3
    SUBSCRIBED = 4
    UNSUBSCRIBED = 5


class TreeEntry(NamedTuple):
    """One change of a tree. `mailbox` is None for subscriptions, which are of names. `path_before` is the old path of a mailbox
    that was renamed."""

    modseq: ModSeq
    change: TreeChange
    mailbox: MailboxId | None
    path: MailboxPath
    path_before: MailboxPath | None


@dataclass(frozen=True, slots=True)
class TreePage:
    """As `LogPage`; `highest_modseq` is that of the tree, 0 when nothing ever happened in it."""

    highest_modseq: ModSeq
    entries: list[TreeEntry]
    until: ModSeq
    complete: bool = True

    @property
    def is_last(self) -> bool:
        return self.until >= self.highest_modseq


def applied_to_uids(uids: UidSet, entries: Iterable[LogEntry]) -> UidSet:
    """Return the UIDs of a mailbox after these entries. A UID is never used again, so the order does not matter."""
    added: list[int] = []
    gone: list[int] = []
    for entry in entries:
        if entry.change is Change.ADDED:
            added.append(entry.uid)
        elif entry.change is Change.EXPUNGED:
            gone.append(entry.uid)
    if added:
        uids = uids | UidSet.of(added)
    return uids - UidSet.of(gone) if gone else uids
