"""What a mail queue tells of its entries."""

from dataclasses import dataclass

from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId

LOWEST_PRIORITY = -9
NORMAL_PRIORITY = 0
HIGHEST_PRIORITY = 9

SPOOL = "spool"
OUTGOING = "outgoing"


@dataclass(frozen=True, slots=True)
class QueuedMail:
    """A line of a queue listing. `next_delivery_at` is epoch seconds, None when the mail is ready or being worked on."""

    entry: EntryId
    name: str
    sender: MailAddress | None
    recipients: tuple[MailAddress, ...]
    enqueued_at: float
    next_delivery_at: float | None
    size: int
    failures: int = 0
    """Delivery attempts that failed so far."""
    last_error: str | None = None
    """Why the last one failed, or why the mail was sent to the processor where it is."""
