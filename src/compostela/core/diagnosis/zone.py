"""Records as a zone file (RFC 1035 §5)."""

from collections.abc import Sequence

from compostela.core.diagnosis.records import Publication

TTL_SECONDS = 3600


def zone_file(publication: Publication, name_servers: Sequence[str], serial: int) -> str:
    """With name servers a whole zone, SOA and NS before the records; without them a piece for `$INCLUDE` into the zone that
    there is. Every name is absolute, so that the piece means the same in any zone."""
    zone = publication.zone
    lines = [f"; {zone}", f"$ORIGIN {zone}.", f"$TTL {TTL_SECONDS}"]
    if name_servers:
        names = [name.rstrip(".") + "." for name in name_servers]
        lines.append(f"{zone}. IN SOA {names[0]} hostmaster.{zone}. {serial} 7200 3600 1209600 3600")
        lines += [f"{zone}. IN NS {name}" for name in names]
    for note in publication.notes:
        lines.append(f"; {note}")
    for record in publication.records:
        lines += [f"; {record.purpose}", f"{record.name}. IN {record.type} {record.presentation}"]
    if publication.policy_url:
        lines += [
            f"; {publication.policy_url} must give:",
            *(f";   {line}" for line in publication.policy_text.split("\r\n") if line),
        ]
    return "\n".join(lines) + "\n"
