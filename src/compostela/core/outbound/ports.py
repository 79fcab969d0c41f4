"""Sending a mail to the next hop."""

from dataclasses import dataclass, field
from typing import Protocol

from compostela.core.blob.model import MessageContent
from compostela.model.mail_address import MailAddress


@dataclass(frozen=True, slots=True)
class SendOptions:
    """How to speak to a next hop. Times are seconds."""

    hello_name: str = "localhost"
    """Name in EHLO."""
    connect_seconds: float = 60.0
    """How long a connection may take to come about."""
    reply_seconds: float = 180.0
    """How long a reply may take."""
    use_starttls: bool = True
    """Upgrade when it is offered."""
    verify_certificate: bool = False
    """Refuse a next hop whose certificate is not valid for its name; otherwise TLS is opportunistic (RFC 7435)."""
    user: str | None = None
    """Log in as this user, with AUTH PLAIN."""
    password: str | None = field(default=None, repr=False)
    """The user's password."""
    bind_address: str | None = None
    """Address of this machine from which to connect."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a next hop said. `code` is its reply code, 0 when there was no connection or it broke."""

    code: int
    text: str

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code <= 599


@dataclass(slots=True)
class SendResult:
    """Who got the mail and who did not, and why."""

    delivered: list[MailAddress] = field(default_factory=list)
    refused: dict[MailAddress, Refusal] = field(default_factory=dict)


class SmtpSender(Protocol):
    """The client's side of SMTP. A mail is sent at least once: when the last reply is lost, the caller sends it again.

    Embedded and distributed alike: a connection of this process, without any state that nodes share. That no two of them
    send the same mail at a time is the promise of the queue that hands it out."""

    async def send(
        self,
        host: str,
        port: int,
        sender: MailAddress | None,
        recipients: list[MailAddress],
        content: MessageContent,
        options: SendOptions,
    ) -> SendResult:
        """One mail to one address of a next hop. Never raises for what the peer or the network does: every recipient is
        delivered or refused. `host` is an address or a name."""
        ...
