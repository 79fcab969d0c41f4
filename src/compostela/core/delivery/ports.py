"""Delivery while the client waits, as LMTP does it."""

import enum
from typing import Protocol

from compostela.core.blob.model import MessageContent
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress


class Outcome(enum.Enum):
    """What became of a mail for one recipient."""

    DELIVERED = enum.auto()
    """It is durable, and the server answers for it."""
    OVER_QUOTA = enum.auto()
    """The recipient has no room for it, and it is refused for good."""
    STORAGE_FULL = enum.auto()
    """The server has no room for it now."""
    FAILED = enum.auto()
    """It could not be done now. The client keeps the mail and tries again."""


class MailDelivery(Protocol):
    """Takes a mail to its recipients and tells how it went with each.

    A recipient that fails does not fail the others. The client gives the mail again for those that failed, and for all of them
    when the answer did not reach it. A repeated mail may be delivered twice to recipients that have it, unless the
    implementation says otherwise (the mail container does: see `UnqueuedRuns`).
    Embedded: what goes to several mailboxes is one group commit with the body stored once. Distributed: each mailbox's append
    is a quorum write of its own."""

    async def deliver(self, mail: Mail, sent: MessageContent) -> dict[MailAddress, Outcome]:
        """An outcome for each recipient of the mail, which stays as it is. `sent` is the message as the client gave it, before
        anything was added. Raises nothing: what goes wrong is logged and is an outcome."""
        ...
