"""What listeners are told, and what is kept of each group."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from compostela.core.events.threads import wait_for
from compostela.core.mailbox.log import LogEntry, LogPage, TreeEntry
from compostela.core.mailbox.model import Mailbox, MailboxHead, MessageRow
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

LogId = MailboxId | Username
"""Names a change log: that of a mailbox, or that of a user's tree of mailboxes."""
LOG_END = ModSeq(2**63 - 1)
"""The cursor of a group that was told that the mailbox is deleted."""


@dataclass(frozen=True, slots=True)
class Group:
    """A listener group as the store knows it.

    With `needs_content` the content of expunged messages is kept until the group has passed the expunge. Without
    `follows_trees` the group is told of mailboxes only."""

    name: str
    needs_content: bool = False
    follows_trees: bool = False


class Pending(NamedTuple):
    """A log with entries that a group has not passed. `since` is the saved cursor, None if the group gets a snapshot. `head` is
    the highest ModSeq of the log, `LOG_END` if the mailbox is deleted."""

    log: LogId
    since: ModSeq | None
    head: ModSeq


@dataclass(frozen=True, slots=True)
class FollowedMailbox:
    """A mailbox as listeners read it: a page of its log, all of one moment. A deleted mailbox can be read until all groups have
    passed its last entry."""

    mailbox: Mailbox
    page: LogPage
    is_deleted: bool


class Rows:
    """The messages of a mailbox in UID order, in batches of at most a thousand.

    Asynchronous methods use `async for`, synchronous ones (on their threads) `for`."""

    def __init__(self, read: Callable[[], AsyncIterator[list[MessageRow]]]) -> None:
        self._read = read

    def __aiter__(self) -> AsyncIterator[list[MessageRow]]:
        return self._read()

    def __iter__(self) -> Iterator[list[MessageRow]]:
        batches = self._read()

        async def following() -> list[MessageRow] | None:
            return await anext(batches, None)

        while (batch := wait_for(following())) is not None:
            yield batch


@dataclass(frozen=True, slots=True)
class MailboxChanges:
    """Changes of one mailbox: every entry after `since` and up to `until`, in order, whole ModSeqs, about a thousand at most.

    `head` is the mailbox's head at the moment of reading; its ModSeq may be higher than `until`. With `is_redelivered` the
    entries come from a dead letter, after newer ones: a listener that keeps a state takes it from `head`."""

    mailbox: Mailbox
    head: MailboxHead
    entries: Sequence[LogEntry]
    since: ModSeq
    until: ModSeq
    is_redelivered: bool = False


@dataclass(frozen=True, slots=True)
class MailboxSnapshot:
    """A mailbox whose log the group cannot follow: the group is new, or the log no longer reaches back to its cursor.

    `rows` are messages with UIDs below `head.uid_next`. They are read after `head`: what happens meanwhile follows as changes
    after `head.highest_modseq`, and rows may already show it (newer flags, an expunged message left out)."""

    mailbox: Mailbox
    head: MailboxHead
    rows: Rows


@dataclass(frozen=True, slots=True)
class MailboxDeleted:
    """The last event of a mailbox. `rows` are the messages that were in it; empty after a redelivery, or if the group was too late
    to have them."""

    mailbox: Mailbox
    rows: Rows


@dataclass(frozen=True, slots=True)
class TreeChanges:
    """Changes of a user's tree. There is no order between a tree's log and the logs of its mailboxes."""

    user: Username
    entries: Sequence[TreeEntry]
    since: ModSeq
    until: ModSeq
    is_redelivered: bool = False


@dataclass(frozen=True, slots=True)
class TreeSnapshot:
    """A user's mailboxes, for a group that cannot follow the tree's log."""

    user: Username
    mailboxes: Sequence[Mailbox]
    highest_modseq: ModSeq


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Changes that a group could not take: those of `log` after `since` and up to `until`. `since` is None if it was a
    snapshot; `until` is `LOG_END` if it was the deletion of the mailbox. `mailbox` tells its last known path, None for a tree.
    `failed_at` in epoch seconds."""

    id: str
    group: str
    log: LogId
    mailbox: Mailbox | None
    since: ModSeq | None
    until: ModSeq
    error: str
    failed_at: float
