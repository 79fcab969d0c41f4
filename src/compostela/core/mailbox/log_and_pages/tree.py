"""A user's tree of mailboxes: names, subscriptions and their log, all in one partition that one conditional write changes."""

from collections.abc import Mapping, Sequence

import msgspec

from compostela.core.mailbox.log import TreeChange, TreeEntry
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

LATEST_UID_VALIDITY = 0xFF00_0000
"""Taken from the clock at most: a wrong clock leaves 16 million further values of 32 bits (RFC 9051 §2.3.1.1)."""
KEPT_CHANGES = 50_000
"""The latest changes that a tree keeps."""
TRIM_CHANGES = 1000


class TreeHead(msgspec.Struct, frozen=True, array_like=True):
    """`last_validity` is the highest UIDVALIDITY that was given. Changes up to `floor` are no longer kept."""

    modseq: int = 0
    last_validity: int = 0
    floor: int = 0

    def next_validity(self, now: float) -> int:
        """Higher than every one before, as RFC 3501 §2.3.1.1 asks of a name that is used again. `now` in epoch seconds."""
        earliest = min(max(int(now), 1), LATEST_UID_VALIDITY)
        return earliest if self.last_validity >= 0xFFFF_FFFF else max(self.last_validity + 1, earliest)

    def after_change(self) -> "TreeHead":
        modseq = self.modseq + 1
        floor = modseq - KEPT_CHANGES if modseq - self.floor > KEPT_CHANGES + TRIM_CHANGES else self.floor
        return msgspec.structs.replace(self, modseq=modseq, floor=floor)


class StoredMailbox(msgspec.Struct, frozen=True, array_like=True):
    """What a name leads to.

    `ends_at`: a deletion of this mailbox, if it is empty, is under way. It is decided by the log: if the log is closed by the publish
    that follows this revision, the mailbox is gone; if another publish follows it, the mailbox stays. 0: none is under way."""

    id: str
    uid_validity: int
    ends_at: int = 0


class DyingMailbox(msgspec.Struct, frozen=True, array_like=True):
    """A mailbox whose name is gone. `path` has the namespace and the name that it had."""

    mailbox: StoredMailbox
    path: tuple[str, str]


class StoredChange(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the log. `mailbox` is empty for subscriptions; the path before is that of a renamed mailbox."""

    change: int
    mailbox: str
    path: tuple[str, str]
    path_before: tuple[str, str] | None = None

    def outside(self, user: Username, modseq: int) -> TreeEntry:
        return TreeEntry(
            ModSeq(modseq),
            TreeChange(self.change),
            MailboxId(self.mailbox) if self.mailbox else None,
            MailboxPath(self.path[0], user, self.path[1]),
            None if self.path_before is None else MailboxPath(self.path_before[0], user, self.path_before[1]),
        )


class StoredChanges(msgspec.Struct, frozen=True, array_like=True):
    """All entries of one ModSeq, with the token of their writer."""

    token: bytes
    entries: tuple[StoredChange, ...]


def key_of(path: MailboxPath) -> str:
    return f"{path.namespace}\0{path.name}"


def path_of(key: str, user: Username) -> MailboxPath:
    namespace, _, name = key.partition("\0")
    return MailboxPath(namespace, user, name)


def change_of(change: TreeChange, mailbox: str, path: MailboxPath, before: MailboxPath | None = None) -> StoredChange:
    old = None if before is None else (before.namespace, before.name)
    return StoredChange(int(change), mailbox, (path.namespace, path.name), old)


class Taken(Exception):
    """A new name is that of a mailbox that keeps it."""

    def __init__(self, path: MailboxPath) -> None:
        super().__init__(path.name)
        self.path = path


def plan_renames(
    known: Mapping[MailboxPath, StoredMailbox], renames: Sequence[tuple[str, MailboxPath]]
) -> tuple[dict[MailboxPath, StoredMailbox], list[MailboxPath], list[StoredChange]]:
    """The names to insert, those to delete, and the entries, for mailboxes of one user. No name is in both: a deletion and an
    insertion of one row in one write have the same timestamp, and the deletion wins. Raises `Taken`, and `KeyError` for an
    unknown mailbox."""
    paths = {mailbox.id: path for path, mailbox in known.items()}
    moved = {paths[mailbox]: path for mailbox, path in renames}
    final = {path: mailbox for path, mailbox in known.items() if path not in moved}
    changes = []
    for before, after in moved.items():
        if after in final:
            raise Taken(after)
        final[after] = known[before]
        if before != after:
            changes.append(change_of(TreeChange.RENAMED, known[before].id, after, before))
    inserted = {path: mailbox for path, mailbox in final.items() if known.get(path) != mailbox}
    return inserted, [path for path in known if path not in final], changes
