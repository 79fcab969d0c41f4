"""Sending a mail to the next hop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from compostela.core.blob.model import MessageContent
from compostela.core.outbound.tls import OPPORTUNISTIC, TlsFailure, TlsPolicy
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
    implicit_tls: bool = False
    """TLS begins with the connection (RFC 8314 §3). If the handshake fails, nothing is sent."""
    use_starttls: bool = True
    """Upgrade when it is offered. With `user` it must be."""
    verify_certificate: bool = False
    """Refuse a next hop whose certificate is not valid for its name; otherwise TLS is opportunistic (RFC 7435)."""
    user: str | None = None
    """Log in as this user, with AUTH PLAIN; over TLS, unless `use_starttls` is False."""
    password: str | None = field(default=None, repr=False)
    """The user's password."""
    bind_address: str | None = None
    """Address of this machine from which to connect."""

    def __hash__(self) -> int:
        # a part tells them apart well enough, and is looked up for each mail
        return hash((self.hello_name, self.user, self.bind_address))


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a mail asks of its next hop beyond RFC 5321."""

    utf8: bool = False
    """It was declared as internationalised: its header may be in UTF-8 (RFC 6531)."""
    binary: bool = False
    """It was declared to be of any octets (RFC 3030)."""
    require_tls: bool | None = None
    """True: verified TLS all the way (RFC 8689). False: no certificate need be valid."""
    priority: int | None = None
    """MT-PRIORITY (RFC 6710)."""
    envelope_id: str | None = None
    """ENVID in xtext (RFC 3461)."""
    returns: str | None = None
    """RET."""
    notify: Mapping[MailAddress, str] = field(default_factory=dict)
    """NOTIFY by recipient."""
    original_recipients: Mapping[MailAddress, str] = field(default_factory=dict)
    """ORCPT by recipient."""


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a next hop said. `code` is its reply code, 0 when there was no connection or it broke; `enhanced` is its enhanced code
    (RFC 3463), empty without one. `is_of_host` when another host of the same domain may do what this one does not; `leads_back` when
    the next hop is this server itself; `is_unknown_domain` when the recipient's domain does not exist."""

    code: int
    text: str
    is_of_host: bool = False
    leads_back: bool = False
    host: str = ""
    """The next hop that said so, if one did."""
    enhanced: str = ""
    is_unknown_domain: bool = False

    @classmethod
    def own(
        cls, code: int, enhanced: str, why: str, *, is_of_host: bool = False, leads_back: bool = False
    ) -> "Refusal":
        """What this server says in place of a next hop."""
        text = f"{code} {enhanced} {why}"
        return cls(code, text, is_of_host=is_of_host, leads_back=leads_back, enhanced=enhanced)

    @property
    def is_permanent(self) -> bool:
        return 500 <= self.code <= 599


@dataclass(frozen=True, slots=True)
class TlsOutcome:
    """`is_used` when the mail went under TLS; `failure` when the policy was not met, also when it is only tested."""

    is_used: bool
    failure: TlsFailure | None = None
    is_new: bool = True
    """False if the mail went over a connection that another mail had opened: one session of a report (RFC 8460 §4.1)."""


@dataclass(slots=True)
class SendResult:
    """The recipients that got the mail, and those that did not, with the reason."""

    delivered: list[MailAddress] = field(default_factory=list)
    refused: dict[MailAddress, Refusal] = field(default_factory=dict)
    passed_on: set[MailAddress] = field(default_factory=set)
    """Those of the delivered whose wishes for reports the next hop has taken over (RFC 3461 §5.2.1)."""
    tls: TlsOutcome | None = None
    """How TLS went, None when there was no conversation as far as that."""


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
        wishes: Wishes = NO_WISHES,
        *,
        name: str = "",
        tls: TlsPolicy = OPPORTUNISTIC,
    ) -> SendResult:
        """One mail to one address of a next hop. Never raises for what the peer or the network does: every recipient is
        delivered or refused; a peer that takes fewer recipients at once gets several mails. `host` is an address or a name; `name`
        the one that a certificate must be for. A wish that the peer cannot fulfil refuses the mail; those for reports and priority
        are kept to as far as the peer goes. A message that cannot be read to its end is refused for now, and never ended as if
        it were whole: the connection closes without the final dot or BDAT LAST. A next hop that is this server itself, by its
        address or by the name it greets with, gets no mail: the refusal `leads_back`. `tls` is the destination's policy: a host that does
        not meet it is refused for now, and another one may do (RFC 7672 §2.2, RFC 8461 §5); a wish not to require TLS overrules it
        (RFC 8689 §3). A connection may be used for several mails, one after the other."""
        ...

    async def close(self) -> None:
        """Ends connections that wait for another mail. Called once, after the last `send`."""
        ...
