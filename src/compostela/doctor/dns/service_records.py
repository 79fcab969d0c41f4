"""SRV records lead mail programs to the ports that there are (RFC 6186, RFC 8314)."""

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import Record, services
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject


async def check_services(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    known = list(services(subject, domain))
    offered = [one for one in known if not _says_none(one.value)]
    missing: list[Record] = []
    found: list[Finding] = []
    for record in offered:
        published = await dns.records(record.name, "SRV")
        if not published:
            missing.append(record)
        elif not any(_target(one) == _target(record.value) for one in published):
            text = f"{record.name} leads to {', '.join(map(_shown, published))}, not to {_shown(record.value)}."
            why = "Mail programs that set themselves up try the wrong place."
            found.append(Finding(Severity.WARNING, domain, text, why, str(record)))
    for record in known:
        if record not in offered:
            stale = [one for one in await dns.records(record.name, "SRV") if _target(one)[1:] == (f"{subject.host}.",)]
            if stale:
                text = f"{record.name} leads to {', '.join(map(_shown, stale))}, where users cannot log in under TLS."
                why = "Mail programs that set themselves up fail there."
                found.append(Finding(Severity.WARNING, domain, text, why, str(record)))
    if missing:
        text = f"{domain} has no SRV record for {', '.join(one.name.partition('.')[0] for one in missing)}."
        why = "Mail programs cannot find the ports by the address alone; some guess, some ask the user."
        found.append(Finding(Severity.INFO, domain, text, why, "\n".join(map(str, missing))))
    if not found and offered:
        found.append(Finding(Severity.OK, domain, f"The SRV records of {domain} name the ports for mail programs."))
    return found


def _says_none(value: str) -> bool:
    return value.endswith(" .")


def _target(value: str) -> tuple[str, ...]:
    """Port and host; priority and weight are the operator's choice."""
    return tuple(value.lower().split()[2:4])


def _shown(value: str) -> str:
    port, host = (*_target(value), "", "")[:2]
    return "nowhere" if host == "." else f"{host.rstrip('.')}:{port}"
