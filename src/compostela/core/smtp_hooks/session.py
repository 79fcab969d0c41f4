"""What is known of an SMTP session: read by hooks, kept by the host."""

from dataclasses import dataclass, field

from compostela.core.mail.attributes import AttributeValue
from compostela.model.mail_address import MailAddress
from compostela.model.username import Username

PRIORITY = "priority"
"""Session attribute: the mail's priority as an extension has set it (RFC 6710)."""
HOLD_UNTIL = "hold-until"
"""Session attribute: the time, in epoch seconds, before which the mail is not to be released (RFC 4865)."""


@dataclass(slots=True)
class SmtpSession:
    """Facts of one connection and of its current transaction.

    `relaying_allowed`: the client's address is in `authorizedAddresses`, or it has authenticated. `attributes` live as
    long as the transaction; hooks share values there, and a name that begins with `mail:` becomes an attribute of the mail."""

    id: str
    remote_address: str
    remote_host: str
    hello_name: str
    """What the server calls itself."""
    is_authorized_network: bool = False
    auth_announced: bool = False
    helo: str | None = None
    is_esmtp: bool = False
    tls_protocol: str | None = None
    tls_cipher: str | None = None
    bound_mechanisms: frozenset[str] = frozenset()
    """SASL mechanisms that the TLS channel makes possible."""
    user: Username | None = None
    protocol: str = "SMTP"
    unknown_commands: int = 0
    transactions: int = 0
    """Senders that were accepted on this connection."""
    sender_given: bool = False
    sender: MailAddress | None = None
    recipients: list[MailAddress] = field(default_factory=list)
    mail_parameters: dict[str, str | None] = field(default_factory=dict)
    """Parameters of MAIL by their names in capitals; None for one without a value."""
    rcpt_parameters: dict[str, str | None] = field(default_factory=dict)
    """Those of the RCPT command that is being looked at."""
    recipient_parameters: dict[MailAddress, dict[str, str | None]] = field(default_factory=dict)
    """Those of the recipients that were accepted."""
    attributes: dict[str, AttributeValue] = field(default_factory=dict)
    remembered: dict[object, object] = field(default_factory=dict)
    """What hooks keep for as long as the connection lasts, each under itself as key."""

    @property
    def is_tls(self) -> bool:
        return self.tls_protocol is not None

    @property
    def relaying_allowed(self) -> bool:
        return self.is_authorized_network or self.user is not None

    @property
    def greeting_verb(self) -> str:
        """The command with which the client greeted."""
        if self.protocol == "LMTP":
            return "LHLO"
        return "EHLO" if self.is_esmtp else "HELO"

    @property
    def is_utf8(self) -> bool:
        """Whether the client has declared the transaction as internationalised (RFC 6531 §3.4)."""
        return "SMTPUTF8" in self.mail_parameters

    @property
    def is_binary(self) -> bool:
        """Whether the message is declared to be of any octets (RFC 3030 §3)."""
        return (self.mail_parameters.get("BODY") or "").upper() == "BINARYMIME"

    @property
    def with_protocol(self) -> str:
        """For the Received header (RFC 3848, RFC 6531 §4.3)."""
        if not self.is_esmtp:
            return self.protocol
        if self.is_utf8:
            name = f"UTF8{self.protocol}"
        else:
            name = "ESMTP" if self.protocol == "SMTP" else self.protocol
        return name + ("S" if self.is_tls else "") + ("A" if self.user is not None else "")

    def reset(self) -> None:
        """Ends the transaction."""
        self.sender_given = False
        self.sender = None
        self.recipients = []
        self.mail_parameters = {}
        self.rcpt_parameters = {}
        self.recipient_parameters = {}
        self.attributes = {}
