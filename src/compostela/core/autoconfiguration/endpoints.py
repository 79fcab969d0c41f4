"""The server's listening ports as far as others use them, and which of them a mail program is told of."""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from compostela.core.autoconfiguration.settings import AutoconfigurationSettings

SMTP_PORT = 25


class Speaks(enum.StrEnum):
    """What is spoken at a port."""

    SMTP = "smtp"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"

    @property
    def takes_mail(self) -> bool:
        """Whether clients send mail here: SMTP, or LMTP, which has the same replies."""
        return self in (Speaks.SMTP, Speaks.LMTP)

    @property
    def hello(self) -> str:
        """The verb that greets the server, of SMTP and LMTP (RFC 2033 §4.1)."""
        return "LHLO" if self is Speaks.LMTP else "EHLO"

    @property
    def file(self) -> str:
        """Where its servers are configured."""
        return f"{self.value}server.xml"


class Proxied(enum.Enum):
    """Whether connections begin with a PROXY header."""

    NO = "no"
    BEFORE_TLS = "before TLS"
    INSIDE_TLS = "inside TLS"
    BY_OTHERS = "by others"
    """This machine is not among the proxies that are believed: it cannot connect."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One listening port of one server."""

    name: str
    """The server's `jmxName`."""
    speaks: Speaks
    host: str
    """Where it listens, an address; that of the machine's loopback when it listens on all."""
    port: int
    everywhere: bool = False
    """It listens on all addresses of the machine."""
    implicit: bool = False
    starttls: bool = False
    login: bool = False
    """Users can log in."""
    login_required: bool = False
    authorized: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that may relay without a login."""
    proxied: Proxied = Proxied.NO

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.name} ({host}:{self.port})"

    @property
    def encrypted(self) -> bool:
        return self.implicit or self.starttls


class ServiceKind(enum.StrEnum):
    """Services of mail programs by their SRV labels (RFC 6186 §3, RFC 8314 §5.1)."""

    SUBMISSIONS = "submissions"
    SUBMISSION = "submission"
    IMAPS = "imaps"
    IMAP = "imap"
    POP3S = "pop3s"
    POP3 = "pop3"

    @property
    def speaks(self) -> Speaks:
        if self in (ServiceKind.SUBMISSIONS, ServiceKind.SUBMISSION):
            return Speaks.SMTP
        return Speaks.IMAP if self in (ServiceKind.IMAPS, ServiceKind.IMAP) else Speaks.POP3

    @property
    def implicit(self) -> bool:
        """TLS from the first octet, which RFC 8314 §3 prefers."""
        return self in (ServiceKind.SUBMISSIONS, ServiceKind.IMAPS, ServiceKind.POP3S)


@dataclass(frozen=True, slots=True)
class Service:
    """A service as a mail program reaches it."""

    kind: ServiceKind
    host: str
    port: int


def client_services(
    endpoints: Sequence[Endpoint], host: str, settings: AutoconfigurationSettings
) -> tuple[Service, ...]:
    """At most one of a kind, those with TLS from the beginning first. A port without TLS is never told of."""
    mapped = {
        ServiceKind.SUBMISSIONS: settings.submissions_port,
        ServiceKind.SUBMISSION: settings.submission_port,
        ServiceKind.IMAPS: settings.imaps_port,
        ServiceKind.IMAP: settings.imap_port,
        ServiceKind.POP3S: settings.pop3s_port,
        ServiceKind.POP3: settings.pop3_port,
    }
    found = []
    for kind in ServiceKind:
        fitting = [
            one
            for one in endpoints
            if one.speaks is kind.speaks and one.login and (one.implicit if kind.implicit else one.starttls)
        ]
        if fitting:
            # a server that insists on a login is meant for users, port 25 for other servers
            best = min(fitting, key=lambda one: (not one.login_required, one.port == SMTP_PORT))
            found.append(Service(kind, host, mapped[kind] or best.port))
    return tuple(found)
