"""What the contracts are run with: a clock that is set by hand, mails that are easily made."""

from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.model.mail_address import MailAddress

START = 1_800_000_000.0


class FakeClock:
    """A clock that advances only when it is told to."""

    def __init__(self, now: float = START) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds


def address(text: str) -> MailAddress:
    return MailAddress.parse(text)


def a_mail(
    name: str = "mail1",
    *,
    sender: str | None = "alice@example.org",
    recipients: tuple[str, ...] = ("bob@example.org",),
    body: bytes = b"Hello.\r\n",
) -> Mail:
    return Mail(
        name=name,
        sender=None if sender is None else address(sender),
        recipients=[address(one) for one in recipients],
        content=MessageContent(b"Subject: greetings\r\n\r\n", MemoryBody(body)),
        arrived_at=START,
        last_updated_at=START,
    )
