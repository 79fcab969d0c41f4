"""`doctor.properties`: what the diagnosis cannot know by itself."""

import re
from dataclasses import dataclass
from ipaddress import ip_address

from compostela.base.errors import InvalidArgument
from compostela.base.settings import Settings


@dataclass(frozen=True, slots=True)
class DoctorSettings:
    """What `compostela doctor` and `compostela dns` go by beside the server's own configuration."""

    addresses: tuple[str, ...] = ()
    """The server's addresses as the Internet sees them; by default those of its name in DNS."""
    block_lists: tuple[str, ...] = ("zen.spamhaus.org", "bl.spamcop.net", "psbl.surriel.com")
    """DNS block lists that are asked for the addresses."""
    relay_recipient: str = "relay-test@example.com"
    """A foreign address: the server must not take mail for it from strangers. Nothing is sent to it."""
    check_seconds: float = 30.0
    """A check that takes longer is given up."""
    certificate_days: int = 14
    """A certificate that ends within so many days is complained of."""
    report_mailbox: str = "postmaster"
    """Local part of the addresses that DMARC and TLS reports are asked for at."""


DEFAULTS = DoctorSettings()


def read_doctor_settings(settings: Settings) -> DoctorSettings:
    """Reads the whole file."""
    addresses = settings.strings("public.addresses")
    for address in addresses:
        try:
            ip_address(address)
        except ValueError:
            settings.error(f"{address!r} is no IP address", "public.addresses")
    read = DoctorSettings(
        addresses=tuple(addresses),
        block_lists=tuple(settings.strings("blocklists", DEFAULTS.block_lists)),
        relay_recipient=settings.parsed("relay.recipient", DEFAULTS.relay_recipient, _address),
        check_seconds=settings.duration("check.timeout", DEFAULTS.check_seconds, minimum=0.1),
        certificate_days=settings.integer("certificate.days", DEFAULTS.certificate_days, minimum=0),
        report_mailbox=settings.parsed("report.mailbox", DEFAULTS.report_mailbox, _local_part),
    )
    settings.finish()
    return read


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
