"""How many messages each user has, and how large they are."""

from typing import NamedTuple, Protocol

from compostela.core.mailbox.model import MailboxHead
from compostela.model.numbers import MailboxId
from compostela.model.username import Username


class Usage(NamedTuple):
    """Messages, and their sizes in octets together."""

    messages: int
    size_bytes: int


class UsageStore(Protocol):
    """The usage of users, kept by mailbox.

    **Atomicity.** Each call is one step, durable when it returns. **Order.** Calls may be repeated and may come in any order: a
    head that is not newer than the one that was recorded changes nothing. A mailbox counts for its owner at the moment of the
    call, and no longer once it is deleted. Embedded: one transaction. Distributed: one conditional write."""

    async def record(self, mailbox: MailboxId, head: MailboxHead) -> None:
        """Set what a mailbox holds."""
        ...

    async def assign(self, mailbox: MailboxId) -> None:
        """Count a mailbox for the user that owns it now."""
        ...

    async def forget(self, mailbox: MailboxId) -> None:
        """Count a deleted mailbox no more."""
        ...

    async def recompute(self, user: Username) -> None:
        """Set what the mailboxes of a user hold to what their heads tell now, whatever was recorded."""
        ...

    async def of_user(self, user: Username) -> Usage: ...
