"""The port of the mailbox store."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from compostela.core.idempotency import Effect
from compostela.core.mailbox.model import (
    Appended,
    Changes,
    Copied,
    FlagsResult,
    FlagsRow,
    Mailbox,
    MailboxHead,
    MessageRow,
    NewMessage,
    StoredMessage,
)
from compostela.model.flags import Flags, FlagsMode
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import UidSet
from compostela.model.username import Username


class MailboxStore(Protocol):
    """Mailboxes, each a change log.

    **Order.** Every append, flag change and expunge takes the mailbox's next ModSeq; one call takes one ModSeq for all its
    messages. When a change with ModSeq m, or a message with UID u, is readable, every lower one is readable or will never
    exist. Embedded: one SQLite transaction. Distributed: rows are written invisible under a writer's token, then one
    conditional write of the mailbox's head publishes the range; readers read the head first and nothing beyond it.
    **Durability.** A write is durable when its call returns (embedded: group commit; distributed: QUORUM).
    **Atomicity.** One call on one mailbox is atomic. `copy` is atomic in the target; `move` is first a copy, then an expunge:
    embedded in one transaction, distributed in two, so that a crash between leaves the message in both, never in none.
    **Effects.** A call with an effect already seen changes nothing and answers with what the first one made.
    `expunge`, `remove` and `delete` of many messages may go in steps, in UID order, each atomic with a ModSeq of its own.
    **Errors.** `NotFound` when the mailbox is gone (whoever asks for one message or for its keywords finds nothing then),
    `StorageFull` and `TemporaryFailure` when nothing was done.
    `expunge` and `delete` work on a full disk, from the reserve.
    Reads in one process see that process's finished writes.
    """

    # mailboxes

    async def create(self, path: MailboxPath) -> Mailbox:
        """Raises `AlreadyExists`. Makes no parents."""
        ...

    async def find(self, path: MailboxPath) -> Mailbox | None: ...

    async def get(self, mailbox: MailboxId) -> Mailbox | None: ...

    async def of_user(self, user: Username) -> list[Mailbox]:
        """All mailboxes of a user by name."""
        ...

    async def rename(self, renames: Sequence[tuple[MailboxId, MailboxPath]]) -> None:
        """Gives mailboxes new paths, all or none. Raises `AlreadyExists`."""
        ...

    async def delete(self, mailbox: MailboxId) -> None:
        """With its messages and its log; its id and UIDVALIDITY are never used again."""
        ...

    # messages

    async def head(self, mailbox: MailboxId) -> MailboxHead: ...

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]: ...

    async def copy(self, source: MailboxId, uids: UidSet, target: MailboxId) -> list[Copied]:
        """Flags and internal dates go along; save dates are now. Messages that are gone are left out."""
        ...

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> list[Copied]: ...

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        flags: Flags,
        unchanged_since: ModSeq | None = None,
    ) -> FlagsResult: ...

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[list[Uid], ModSeq]:
        """Removes the messages flagged \\Deleted (among `uids`, when given). Gives their UIDs and the ModSeq after it."""
        ...

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> list[Uid]:
        """Removes messages whatever their flags."""
        ...

    async def uids(self, mailbox: MailboxId) -> tuple[UidSet, MailboxHead]:
        """All UIDs with the head of the same moment, as ranges. For a hundred thousand messages this leaves the loop."""
        ...

    async def first_unseen(self, mailbox: MailboxId) -> Uid | None: ...

    async def keywords(self, mailbox: MailboxId) -> frozenset[str]:
        """Keywords that were ever used in the mailbox."""
        ...

    def rows(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[MessageRow]]:
        """Rows in UID order in batches of at most a thousand; no read transaction lives between two batches."""
        ...

    def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[FlagsRow]]:
        """As `rows`, when nothing else of them is wanted."""
        ...

    def headers(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        """Header blocks in UID order, in batches of at most a thousand. Distributed: the messages of a batch are read side
        by side; bodies are not touched."""
        ...

    def structures(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        """The stored notes of the offset scanner in UID order, in batches of at most a thousand."""
        ...

    async def row(self, mailbox: MailboxId, uid: Uid) -> MessageRow | None: ...

    async def changes(self, mailbox: MailboxId, since: ModSeq) -> Changes: ...

    async def message(self, mailbox: MailboxId, uid: Uid) -> StoredMessage | None: ...

    async def messages(self, mailbox: MailboxId, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        """Several at once, at most a hundred: one read. Bodies are read only when asked for."""
        ...

    async def locate(self, message: MessageId) -> list[tuple[MailboxId, Uid]]:
        """Every place of a message."""
        ...

    async def take_recent(self, mailbox: MailboxId) -> Uid:
        """Atomically gives `first_recent_uid` and sets it to `uid_next`: the caller's session alone sees these as recent."""
        ...

    # subscriptions

    async def subscribe(self, user: Username, name: str) -> None: ...

    async def unsubscribe(self, user: Username, name: str) -> None: ...

    async def subscriptions(self, user: Username) -> list[str]: ...

    # hints

    def watch(self, mailbox: MailboxId, wake: Callable[[], None]) -> Callable[[], None]:
        """Calls `wake` on the loop whenever the mailbox may have changed, by whatever process; gives the function that
        ends it. Only a hint that there is something to read: it may come late (embedded: within 250 ms from another
        process; distributed: 5 s) or in vain, and says nothing of what changed."""
        ...
