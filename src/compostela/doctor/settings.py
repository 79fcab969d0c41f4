"""`doctor.properties`: what the diagnosis cannot know by itself."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from compostela.base.declarations import Duration, Integer, Many, Parsed
from compostela.base.declared import Reader
from compostela.base.errors import InvalidArgument


def _ip_address(text: str) -> str:
    try:
        ip_address(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no IP address") from None
    return text


def _local_part(text: str) -> str:
    """One that a `mailto:` in a record can hold as it is (RFC 7489 §6.2: `,` and `!` mean something there)."""
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*", text):
        raise InvalidArgument(f"{text!r} is no plain local part: the domain is that of each record")
    return text


def _address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if not (local and at and domain and text.isascii() and text.isprintable()) or set(text) & set(' <>"'):
        raise InvalidArgument(f"{text!r} is no plain mail address")
    return text


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """What `compostela doctor` and `compostela dns` go by beside the server's own configuration."""

    addresses: Annotated[tuple[str, ...], Many("public.addresses", _ip_address)] = ()
    """The server's addresses as the Internet sees them; by default those of its name in DNS."""
    block_lists: Annotated[tuple[str, ...], Many("blocklists")] = (
        "zen.spamhaus.org",
        "bl.spamcop.net",
        "psbl.surriel.com",
    )
    """DNS block lists that are asked for the addresses."""
    relay_recipient: Annotated[str, Parsed("relay.recipient", _address, "mail address")] = "relay-test@example.com"
    """A foreign address: the server must not take mail for it from strangers. Nothing is sent to it."""
    check_seconds: Annotated[float, Duration("check.timeout", minimum=0.1)] = 30.0
    """A check that takes longer is given up."""
    certificate_days: Annotated[int, Integer("certificate.days", minimum=0)] = 14
    """A certificate that ends within so many days is complained of."""
    report_mailbox: Annotated[str, Parsed("report.mailbox", _local_part, "local part")] = "postmaster"
    """Local part of the addresses that DMARC and TLS reports are asked for at."""


read_doctor_settings = Reader(DoctorSettings)
