"""Records as a zone file (RFC 1035 §5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from compostela.base.errors import InvalidArgument
from compostela.doctor.dns.records import Publication
from compostela.doctor.subject import is_within
from compostela.model.domain import Domain

TTL_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class NameServer:
    """A name server of the zone. One whose name lies in the zone itself needs its addresses there (RFC 1035 §3.3.11)."""

    name: str
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "NameServer":
        """`NAME` or `NAME=ADDRESS,ADDRESS`. Raises `InvalidArgument`."""
        name, _, addresses = text.partition("=")
        try:
            known = tuple(ip_address(one.strip()) for one in addresses.split(",") if one.strip())
        except ValueError as error:
            raise InvalidArgument(f"{addresses!r} is no list of addresses") from error
        return cls(Domain.parse(name).name, known)


def zone_file(publication: Publication, name_servers: Sequence[NameServer], serial: int) -> str:
    """With name servers a whole zone, SOA and NS before the records; without them a piece for `$INCLUDE` into the zone that
    there is. Every name is absolute, so that the piece means the same in any zone. Raises `InvalidArgument` for a name server
    in the zone without an address: no name server would load that."""
    zone = publication.zone
    lines = [f"; {zone}", f"$ORIGIN {zone}.", f"$TTL {TTL_SECONDS}"]
    if name_servers:
        lines.append(f"{zone}. IN SOA {name_servers[0].name}. hostmaster.{zone}. {serial} 7200 3600 1209600 3600")
        lines += [f"{zone}. IN NS {one.name}." for one in name_servers]
        lines += _addresses(publication, name_servers)
    for note in publication.notes:
        lines.append(f"; {' '.join(note.split())}")
    for record in publication.records:
        lines += [f"; {record.purpose}", f"{record.name}. IN {record.type} {record.presentation}"]
    if publication.policy_url:
        lines += [
            f"; {publication.policy_url} must give:",
            *(f";   {line}" for line in publication.policy_text.split("\r\n") if line),
        ]
    return "\n".join(lines) + "\n"


def _addresses(publication: Publication, name_servers: Sequence[NameServer]) -> list[str]:
    published = {(one.name, one.value) for one in publication.records if one.type in ("A", "AAAA")}
    lines = []
    for one in name_servers:
        if not is_within(one.name, publication.zone):
            continue
        if not one.addresses and one.name not in {name for name, _ in published}:
            raise InvalidArgument(f"{one.name} lies in the zone and needs its address there: {one.name}=ADDRESS")
        lines += [
            f"{one.name}. IN {'A' if address.version == 4 else 'AAAA'} {address}"
            for address in one.addresses
            if (one.name, str(address)) not in published
        ]
    return lines
