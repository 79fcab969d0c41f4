"""What a mail queue tells of its entries."""

from dataclasses import dataclass

from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId

LOWEST_PRIORITY = -9
NORMAL_PRIORITY = 0
HIGHEST_PRIORITY = 9

SPOOL = "spool"
OUTGOING = "outgoing"
NULL_SENDER = "<>"


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
    is_held: bool = False
    """An administrator holds it back: no consumer gets it before it is released."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries of a queue an administrator means: those that fit every criterion that is given."""

    sender: MailAddress | None = None
    name: str | None = None
    recipient: MailAddress | None = None
    destination: Domain | None = None
    """The domain of a recipient."""
    has_null_sender: bool = False
    """Only mails without a sender, such as reports."""
    enqueued_until: float | None = None
    """Epoch seconds, by the clock of the node that enqueued the entry: later ones stay."""

    @classmethod
    def parse(cls, sender: str | None, name: str | None, recipient: str | None, destination: str | None) -> "Selection":
        """What was given as texts; `<>` is the null sender. Raises `InvalidArgument`."""
        return cls(
            sender=None if sender in (None, NULL_SENDER) else MailAddress.parse(sender),
            name=name,
            recipient=None if recipient is None else MailAddress.parse(recipient),
            destination=None if destination is None else Domain.parse(destination),
            has_null_sender=sender == NULL_SENDER,
        )

    def fits(self, mail: QueuedMail) -> bool:
        return (
            (self.sender is None or mail.sender == self.sender)
            and (not self.has_null_sender or mail.sender is None)
            and (self.name is None or mail.name == self.name)
            and (self.recipient is None or self.recipient in mail.recipients)
            and (self.destination is None or any(one.domain == self.destination for one in mail.recipients))
            and (self.enqueued_until is None or mail.enqueued_at <= self.enqueued_until)
        )


EVERYTHING = Selection()
