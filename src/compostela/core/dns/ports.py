"""DNS as the mail server needs it."""

from dataclasses import dataclass
from typing import Protocol

from compostela.base.errors import TemporaryFailure
from compostela.model.domain import Domain


class DnsTemporaryFailure(TemporaryFailure):
    """No answer now (time-out, SERVFAIL): ask again later."""


class DnsNoSuchName(Exception):
    """The name does not exist (NXDOMAIN), or has no record of the type asked for where one is required."""


@dataclass(frozen=True, slots=True, order=True)
class MxHost:
    """A mail exchanger. A `host` of "" is the null MX (RFC 7505)."""

    preference: int
    host: str


@dataclass(frozen=True, slots=True)
class SecuredAnswer:
    """`records` in presentation form, none if there are none of the type or no such name. `name` is where they are: the name
    that was asked for, or the one that its CNAME records lead to."""

    name: str
    records: list[str]
    is_secure: bool
    """A resolver that is trusted has validated the records, or that there are none of the type, with DNSSEC (RFC 4035 §4.3). False
    for a name that does not exist."""


class SecuredDns(Protocol):
    """Look-ups for those that must know whether an answer is validated.

    Embedded and distributed alike: each process asks and remembers for itself; nothing is shared between nodes."""

    async def secured(self, name: str, kind: str) -> SecuredAnswer:
        """The answer of a resolver that is not trusted is not secure. Raises `DnsTemporaryFailure`, also for an answer that the
        resolver found to be forged (SERVFAIL)."""
        ...


class DnsResolver(Protocol):
    """Asynchronous look-ups, cached for their TTL. Each raises `DnsTemporaryFailure` or `DnsNoSuchName`, the latter also for
    what cannot be a name.

    Embedded and distributed alike: each process asks and remembers for itself; nothing is shared between nodes."""

    async def mx(self, domain: Domain) -> list[MxHost]:
        """Exchangers by preference; the domain itself at 0 when it has addresses but no MX (RFC 5321 §5.1)."""
        ...

    async def exchangers(self, domain: str) -> list[MxHost]:
        """The MX records alone, by preference: without them there is no such name (RFC 7208 §5.4)."""
        ...

    async def addresses(self, host: str) -> list[str]:
        """IPv4 and IPv6 addresses as text."""
        ...

    async def ipv4(self, host: str) -> list[str]:
        """All A records as text."""
        ...

    async def ipv6(self, host: str) -> list[str]:
        """All AAAA records as text."""
        ...

    async def txt(self, name: str) -> list[str]: ...

    async def records(self, name: str, kind: str) -> list[str]:
        """Records of any other type (`TLSA`, `SRV`, `CNAME`) in presentation form (RFC 1035 §5.1), names with their final
        dot, hexadecimal digits without spaces."""
        ...

    async def reverse(self, address: str) -> list[str]:
        """Names of an IP address."""
        ...
