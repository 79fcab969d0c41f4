"""Mails that are easily made."""

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress
from compostela.testing.clock import START


def address(text: str) -> MailAddress:
    """Parse an address. Raises `InvalidArgument`."""
    return MailAddress.parse(text)


def a_mail(
    name: str = "mail1",
    *,
    sender: str | None = "alice@example.org",
    recipients: tuple[str, ...] = ("bob@example.org",),
    body: bytes = b"Hello.\r\n",
) -> Mail:
    """Return a mail that arrived at `START`, with a subject and this body."""
    return Mail(
        name=name,
        sender=None if sender is None else address(sender),
        recipients=[address(one) for one in recipients],
        content=MessageContent(b"Subject: greetings\r\n\r\n", MemoryBody(body)),
        arrived_at=START,
        last_updated_at=START,
    )
