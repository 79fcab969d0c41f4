"""Mailboxes as change logs: what the store keeps of them and of their messages."""

from dataclasses import dataclass
from typing import NamedTuple

from compostela.core.blob.model import MessageContent
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid, UidValidity


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What does not change while the mailbox lives, save by RENAME (the path)."""

    id: MailboxId
    path: MailboxPath
    uid_validity: UidValidity


@dataclass(frozen=True, slots=True)
class MailboxHead:
    """The counters of a mailbox at one moment; kept by the store, not counted.

    `uid_next` and `highest_modseq`: every UID below and ModSeq up to these is readable or will never exist.
    `first_recent_uid`: messages from this UID on were not yet shown to a read-write session. Sizes in octets."""

    uid_next: Uid
    highest_modseq: ModSeq
    messages: int
    unseen: int
    deleted: int
    size_bytes: int
    deleted_bytes: int
    first_recent_uid: Uid


class MessageRow(NamedTuple):
    """One message in one mailbox. A tuple, because listings hold a hundred thousand. Times are epoch seconds."""

    uid: Uid
    modseq: ModSeq
    flags: Flags
    size: int
    internal_date: int
    save_date: int
    message_id: MessageId


class FlagsRow(NamedTuple):
    """What listings ask for most: the beginning of a `MessageRow`, for half its cost."""

    uid: Uid
    modseq: ModSeq
    flags: Flags


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append. `structure` is the stored form of the offset scanner's notes (`compostela.mime.structure`),
    computed once by the caller; `internal_date` in epoch seconds."""

    content: MessageContent
    structure: bytes
    internal_date: int
    flags: Flags = NO_FLAGS


class Appended(NamedTuple):
    """Where an appended or copied message is now."""

    uid: Uid
    modseq: ModSeq
    message_id: MessageId


class Copied(NamedTuple):
    """A message that was copied or moved: UID in the source, place in the target."""

    source_uid: Uid
    target: Appended


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The content of a message with its notes. The body is read when asked for."""

    content: MessageContent
    structure: bytes


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to a mailbox after a ModSeq, seen at `head`: rows that were added or changed, in UID order (each in its
    latest state), and UIDs that were expunged, in UID order. `complete` is False when the expunge log no longer reaches
    back that far: then `expunged` may lack some, and the caller compares UID sets instead."""

    head: MailboxHead
    changed: list[MessageRow]
    expunged: list[Uid]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class FlagsResult:
    """`updated` are the rows as they are now (also unchanged ones that were asked for: their ModSeq did not move), `before`
    the ModSeqs that these rows had, in the same order; `modified` are UIDs that UNCHANGEDSINCE protected (RFC 7162 §3.1.3)."""

    updated: list[MessageRow]
    before: list[ModSeq]
    modified: list[Uid]
