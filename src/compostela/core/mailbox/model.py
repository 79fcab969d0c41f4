"""Mailboxes as change logs: what the store keeps of them and of their messages."""

from dataclasses import dataclass
from typing import NamedTuple

from compostela.core.blob.model import MessageContent
from compostela.model.flags import NO_FLAGS, Flags
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid, UidValidity
from compostela.model.uid_set import UidSet


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
    `first_recent_uid`: no read-write session was told of messages from this UID on; `recent` counts them. `keywords` are those
    that were ever used in the mailbox. Sizes in octets."""

    uid_next: Uid
    highest_modseq: ModSeq
    messages: int
    unseen: int
    deleted: int
    size_bytes: int
    deleted_bytes: int
    first_recent_uid: Uid
    recent: int
    keywords: frozenset[str]


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
    computed once by the caller; `internal_date` in epoch seconds. `path` is the name by which the caller found the mailbox, for a recovery
    copy: the store looks up none."""

    content: MessageContent
    structure: bytes
    internal_date: int
    flags: Flags = NO_FLAGS
    path: MailboxPath | None = None


class Appended(NamedTuple):
    """Where an appended or copied message is now."""

    uid: Uid
    modseq: ModSeq
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class Copied:
    """Messages that were copied or moved. The n-th UID of `source` is the n-th of `target`; `modseq` is the target's highest
    ModSeq after the copy. Both sets are empty when no message was there."""

    source: UidSet
    target: UidSet
    modseq: ModSeq


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """The content of a message with its notes. The body is read when asked for."""

    content: MessageContent
    structure: bytes


@dataclass(frozen=True, slots=True)
class FlagsResult:
    """The result of `store_flags`.

    `updated` are the rows as they are now, also unchanged ones that were asked for: their ModSeq did not move. `before` has the
    ModSeqs that these rows had, in the same order. `modified` are the UIDs that UNCHANGEDSINCE protected (RFC 7162 §3.1.3)."""

    updated: list[FlagsRow]
    before: list[ModSeq]
    modified: UidSet


@dataclass(frozen=True, slots=True)
class OpenedMailbox:
    """A mailbox as a session opens it, all of one moment. `first_recent_uid` is the first UID that is recent for this session
    (RFC 3501 §2.3.2)."""

    head: MailboxHead
    uids: UidSet
    first_unseen: Uid | None
    first_recent_uid: Uid
