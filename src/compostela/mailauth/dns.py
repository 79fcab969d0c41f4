"""DNS as the authentication of mail needs it. The caller brings it, so that nothing here knows a resolver."""

import contextlib
from typing import Protocol

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain

MAX_NAME = 253
_MAX_LABEL = 63


class DnsFailure(Exception):
    """No answer now (time-out, SERVFAIL)."""


class AuthenticationDns(Protocol):
    """Each look-up gives an empty list when the name does not exist or has no such record, and raises `DnsFailure`."""

    async def txt(self, name: str) -> list[str]:
        """Each record with its strings joined; what is not UTF-8 comes as characters that are not ASCII."""
        ...

    async def ipv4(self, name: str) -> list[str]: ...

    async def ipv6(self, name: str) -> list[str]: ...

    async def exchangers(self, name: str) -> list[str]:
        """Hosts of the MX records; "" for a null MX. An address record does not count."""
        ...

    async def names(self, address: str) -> list[str]:
        """PTR records of an IP address."""
        ...


def a_labels(name: str) -> str:
    """The name in A-labels (RFC 5890), without the final dot; as it is when it has no such form."""
    name = name.removesuffix(".")
    if name.isascii():
        return name
    with contextlib.suppress(InvalidArgument):
        # as the configuration and the envelope have it: "straße" is not "strasse" (RFC 5894 §7.2)
        return Domain.parse(name).name
    try:
        # more tolerant: "_", and what has never been allowed and is in use, by RFC 3490
        return name.encode("idna").decode()
    except UnicodeError:
        return name


def is_queryable(name: str) -> bool:
    """Whether a DNS query can be made for the name (RFC 1035 §2.3.4)."""
    return name.isascii() and len(name) <= MAX_NAME and all(0 < len(label) <= _MAX_LABEL for label in name.split("."))
