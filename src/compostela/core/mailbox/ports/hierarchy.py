"""The port of mailboxes as names in a user's tree."""

from collections.abc import Sequence
from typing import Protocol

from compostela.base.errors import CompostelaError
from compostela.core.mailbox.log import PAGE_ENTRIES, TreePage
from compostela.core.mailbox.model import Mailbox
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username


class NotEmpty(CompostelaError):
    """The mailbox holds messages."""


class MailboxHierarchy(Protocol):
    """The trees of mailboxes, each a change log.

    **Order.** Each call that changes a tree takes the tree's next ModSeq, and its log entries are written in the same step. When a
    change with ModSeq m is readable, every lower one is readable or will never exist.
    **Durability.** A write is durable when its call returns (embedded: group commit; distributed: QUORUM).
    **Atomicity.** Each call is atomic within one user's tree. `delete` removes the name at once; the messages may follow.
    **Errors.** `NotFound` when the mailbox is gone. `StorageFull` when nothing was done. `TemporaryFailure` when it is not known to
    be done. `delete` works on a full disk, from the reserve.
    """

    async def create(self, path: MailboxPath) -> Mailbox:
        """Make a mailbox; its parents are not made. Raises `AlreadyExists`."""
        ...

    async def find(self, path: MailboxPath) -> Mailbox | None: ...

    async def of_user(self, user: Username) -> list[Mailbox]:
        """Return all mailboxes of a user by name."""
        ...

    async def rename(self, renames: Sequence[tuple[MailboxId, MailboxPath]]) -> None:
        """Give mailboxes new paths, all or none. Raises `AlreadyExists`.

        Old and new paths are of one user. Where the user changes, each user's tree is changed atomically, but not both
        together (distributed)."""
        ...

    async def delete(self, mailbox: MailboxId, *, only_empty: bool = False) -> None:
        """Delete a mailbox with its messages; its id and UIDVALIDITY are never used again. With `only_empty` it raises `NotEmpty`
        for one that holds any message: an append at the same time comes before it and keeps the mailbox, or gets `NotFound`."""
        ...

    async def tree(self, user: Username, since: ModSeq, limit: int = PAGE_ENTRIES) -> TreePage:
        """Return what happened in a user's tree after `since`, at most `limit` entries or one ModSeq."""
        ...
