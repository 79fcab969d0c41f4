"""The ports of listeners: cursors, what they read, dead letters."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from compostela.core.events.model import DeadLetter, FollowedMailbox, Group, LogId, Pending
from compostela.core.mailbox.log import PAGE_ENTRIES, TreePage
from compostela.core.mailbox.model import Mailbox, MessageRow, StoredMessage
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.username import Username

TAKE_OVER_SECONDS = 5.0
"""How long after the death of a process another one takes over its groups, at most."""


class CursorStore(Protocol):
    """How far each listener group has read each log.

    **Order.** A log is pending for a group from the moment at which a change of it is readable until a cursor at or after its
    head is saved. Embedded: a row that a trigger writes in the transaction of the change. Distributed: a row for each group,
    written before the change is published.
    **Durability.** `register`, `remove` and `save` are durable when they return. A cursor that is lost with its process is
    reached again: changes are told at least once.
    **Lease.** A group runs in one process at a time; `save` does nothing for a process without the lease. Embedded: it ends
    with the process, whose lock file tells that it is dead. Distributed: a row that expires; `acquire` renews it.
    **Errors.** `StorageFull` and `TemporaryFailure`, then nothing is known to be saved. All calls may be repeated. All but
    `register` work on a full disk, from the reserve.
    """

    async def register(self, group: Group) -> None:
        """Make a group, or change what it needs. A new group gets a snapshot of every mailbox that there is, and of every tree if
        it follows trees; mailboxes that are made later are told from their first change."""
        ...

    async def groups(self) -> list[Group]:
        """Return all registered groups by name."""
        ...

    async def remove(self, group: str) -> None:
        """Forget a group with its cursors. Logs and messages are no longer kept for it."""
        ...

    async def acquire(self, group: str) -> bool:
        """Take or keep the lease. Return False if another process has it, or if there is no such group. A process that runs the
        group calls it at least every `TAKE_OVER_SECONDS` / 2; the others call it as often to take over."""
        ...

    async def release(self, group: str) -> None:
        """Give the lease back, if this process has it."""
        ...

    async def unattended(self) -> list[str]:
        """Return the groups that no living process runs, by name."""
        ...

    async def pending(self, group: str, after: LogId | None = None, limit: int = 100) -> list[Pending]:
        """Return logs with news for the group, in an order that does not change, those that follow `after`. The cost is that of
        the logs that are returned, however many mailboxes there are."""
        ...

    async def save(self, group: str, cursors: Mapping[LogId, ModSeq]) -> bool:
        """Move cursors forward, all in one step. A mailbox whose cursor is `LOG_END` is never told again. Return False if this
        process has lost the lease: then nothing is saved."""
        ...


class EventSource(Protocol):
    """What listeners read: logs, messages and their content, also of deleted mailboxes and expunged messages.

    Each call sees one moment and may be repeated; it raises `TemporaryFailure`. A deleted mailbox can be read until all groups
    have passed its last entry, the content of an expunged message until all groups that declared `needs_content` have passed
    its expunge, each at most seven days (a setting). Embedded: the rows stay until the hourly collection. Distributed: the
    rows stay until a collection that looks at the cursors."""

    async def read(self, mailbox: MailboxId, since: ModSeq | None, limit: int = PAGE_ENTRIES) -> FollowedMailbox | None:
        """Return the mailbox with a page of its log (see `MessageStore.log`), None if it is gone. With `since=None` the page is
        incomplete: the caller wants a snapshot."""
        ...

    def rows(self, mailbox: MailboxId, below: Uid) -> AsyncIterator[list[MessageRow]]:
        """Give the messages with UIDs less than `below` in UID order, in batches of at most a thousand."""
        ...

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage: ...

    async def of_user(self, user: Username) -> tuple[list[Mailbox], ModSeq]:
        """Return a user's mailboxes by name, and the highest ModSeq of the tree at the same moment."""
        ...

    async def content(self, message: MessageId) -> StoredMessage | None:
        """Return a message by its id, None if its content is gone."""
        ...


class DeadLetters(Protocol):
    """Changes that listener groups could not take. They stay until they are redelivered or an administrator removes them.

    **Durability.** Each write is durable when its call returns, and may be repeated. Embedded: one transaction. Distributed:
    one QUORUM write in the group's partition.
    **Bound.** Letters of one group and one log whose ranges follow each other are one letter, so that a group that always fails
    has one letter for each log.
    """

    async def add(self, letter: DeadLetter) -> None:
        """Keep a letter. If the group has one for the same log that ends at the `since` of this one or later, that one is
        extended and gets the new error."""
        ...

    async def groups(self) -> list[str]:
        """Return the names of groups with letters, registered or not."""
        ...

    async def ids(self, group: str, limit: int | None = None) -> Sequence[str]:
        """Return the ids of a group's letters, the oldest first."""
        ...

    async def get(self, group: str, letter: str) -> DeadLetter | None: ...

    async def remove(self, group: str, letter: str, until: ModSeq | None = None) -> None:
        """Remove a letter; with `until` only if it still ends there (it was not extended meanwhile). It may be gone already."""
        ...

    async def remove_all(self, group: str) -> None: ...

    async def count(self) -> int:
        """Return how many letters all groups have."""
        ...
