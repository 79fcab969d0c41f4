"""The port of messages in mailboxes."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from compostela.core.idempotency import Effect
from compostela.core.mailbox.log import PAGE_ENTRIES, LogPage
from compostela.core.mailbox.model import (
    Appended,
    Copied,
    FlagsResult,
    FlagsRow,
    MailboxHead,
    MessageRow,
    NewMessage,
    OpenedMailbox,
    StoredMessage,
)
from compostela.model.flags import Flags, FlagsMode
from compostela.model.numbers import MailboxId, MessageId, ModSeq, Uid
from compostela.model.uid_set import UidSet


class MessageStore(Protocol):
    """The messages of mailboxes, each mailbox a change log.

    **Order.** Every append, flag change and expunge takes the mailbox's next ModSeq for up to `MAX_MESSAGES_OF_A_MODSEQ` messages,
    and further ones for more; the log entries are written in the same step. When a change with ModSeq m, or a message with
    UID u, is readable, every lower one is readable or will never exist. Embedded: one SQLite transaction. Distributed: one
    conditional write of the mailbox's partition publishes head, log entry and effect key together.
    **Durability.** A write is durable when its call returns (embedded: group commit; distributed: QUORUM).
    **Atomicity.** One call on one mailbox is atomic. `copy` is atomic in the target. `move` is first a copy, then an expunge:
    embedded in one transaction, distributed in two, so that a crash between them leaves the message in both, never in none.
    **Effects.** A call with an effect that was seen before changes nothing and answers with what the first one made.
    `expunge` and `remove` of many messages may go in steps, in UID order, each atomic with a ModSeq of its own.
    **Log.** At least 50,000 changes and 30 days are kept for each mailbox, and longer for the slowest listener group. A message's
    content can be read until every group that needs it has passed its expunge.
    **Errors.** `NotFound` when the mailbox is gone (a read of one message gives None then). `StorageFull` when nothing was done.
    `TemporaryFailure` when it is not known to be done: a caller that repeats uses an effect or is idempotent. `expunge` and
    `remove` work on a full disk, from the reserve. Reads in one process see that process's finished writes.
    """

    async def head(self, mailbox: MailboxId) -> MailboxHead: ...

    async def heads(self, mailboxes: Sequence[MailboxId]) -> dict[MailboxId, MailboxHead]:
        """Return several heads, read side by side; mailboxes that are gone are left out."""
        ...

    async def open(
        self, mailbox: MailboxId, *, take_recent: bool, known: tuple[ModSeq, UidSet] | None = None
    ) -> OpenedMailbox:
        """Return what SELECT tells, all of one moment.

        With `take_recent` the caller's session alone sees the recent messages as recent (RFC 3501 §2.3.2); on a full disk they
        stay recent for others too. `known` is a set of UIDs that the caller kept at a ModSeq: the store brings it up to date
        from the log where that is quicker than reading all."""
        ...

    async def take_recent(self, mailbox: MailboxId) -> Uid:
        """Give `first_recent_uid` and set it to `uid_next`, in one step: of several sessions one gets each recent message."""
        ...

    async def append(
        self, mailbox: MailboxId, messages: Sequence[NewMessage], effect: Effect | None = None
    ) -> list[Appended]: ...

    async def copy(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied:
        """Copy messages with their flags and internal dates; save dates are now. Messages that are gone are left out."""
        ...

    async def move(self, source: MailboxId, uids: UidSet, target: MailboxId) -> Copied: ...

    async def store_flags(
        self,
        mailbox: MailboxId,
        uids: UidSet,
        mode: FlagsMode,
        flags: Flags,
        unchanged_since: ModSeq | None = None,
    ) -> FlagsResult: ...

    async def expunge(self, mailbox: MailboxId, uids: UidSet | None = None) -> tuple[UidSet, ModSeq]:
        """Remove the messages flagged \\Deleted (among `uids`, when given). Return their UIDs and the ModSeq after it."""
        ...

    async def remove(self, mailbox: MailboxId, uids: UidSet) -> UidSet:
        """Remove messages whatever their flags. Return the UIDs of those that were there."""
        ...

    async def uids(self, mailbox: MailboxId) -> tuple[UidSet, MailboxHead]:
        """Return all UIDs as ranges, with the head of the same moment."""
        ...

    def rows(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[MessageRow]]:
        """Give rows in UID order, in batches of at most a thousand; no read transaction lives between two batches."""
        ...

    def flags(self, mailbox: MailboxId, uids: UidSet | None = None) -> AsyncIterator[list[FlagsRow]]:
        """Give the beginnings of rows, as `rows` does."""
        ...

    def headers(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        """Give header blocks in UID order, in batches of at most a thousand. Distributed: the messages of a batch are read side
        by side; bodies are not touched."""
        ...

    def structures(self, mailbox: MailboxId, uids: UidSet) -> AsyncIterator[list[tuple[Uid, bytes]]]:
        """Give the stored notes of the offset scanner in UID order, in batches of at most a thousand."""
        ...

    async def log(self, mailbox: MailboxId, since: ModSeq, limit: int = PAGE_ENTRIES) -> LogPage:
        """Return the changes after `since`: whole ModSeqs, at most `limit` entries (at least `MAX_MESSAGES_OF_A_MODSEQ`)."""
        ...

    async def message(self, mailbox: MailboxId, uid: Uid) -> StoredMessage | None: ...

    async def messages(self, mailbox: MailboxId, uids: Sequence[Uid]) -> dict[Uid, StoredMessage]:
        """Return several messages, at most a hundred, in one read. Bodies are read only when asked for."""
        ...

    async def locate(self, message: MessageId) -> list[tuple[MailboxId, Uid]]:
        """Return every place of a message."""
        ...

    def watch(self, mailbox: MailboxId, wake: Callable[[], None], seen: ModSeq | None = None) -> Callable[[], None]:
        """Call `wake` on the loop whenever the mailbox may have changed, by whatever process; return the function that ends it.

        `seen` is the ModSeq that the caller has reached: changes after it are reported, also those that came before this call.
        Without it changes from now on are reported.

        This is only a hint that there is something to read: it may come late (embedded: within a second from another process;
        distributed: 5 s, a minute from a node that never reached the broker) or in vain, and says nothing of what changed."""
        ...
