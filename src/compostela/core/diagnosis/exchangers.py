"""The MX records of a domain lead here (RFC 5321 §5.1)."""

from compostela.core.diagnosis.lookups import Lookups
from compostela.core.diagnosis.model import Finding, Severity
from compostela.core.diagnosis.records import exchanger
from compostela.core.diagnosis.subject import Subject


async def check_exchangers(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    fix = str(exchanger(subject, domain))
    hosts = [one.host.lower() for one in await dns.exchangers(domain)]
    if not hosts:
        if set(await dns.addresses(domain)) & set(await dns.public_addresses(subject)):
            text = f"{domain} has no MX record; its address leads here by chance."
            return [Finding(Severity.WARNING, domain, text, "Some senders insist on an MX record.", fix)]
        text = f"{domain} has no MX record."
        return [Finding(Severity.ERROR, domain, text, "Other servers do not know where to bring its mail.", fix)]
    if hosts == [""]:
        text = f"{domain} has a null MX (RFC 7505): it says that it takes no mail."
        return [Finding(Severity.ERROR, domain, text, "No other server tries to bring mail.", f"{fix}  instead of it")]
    own = await dns.public_addresses(subject)
    here: list[str] = []
    others: list[str] = []
    for host in hosts:
        addresses = await dns.addresses(host)
        (here if host == subject.host or set(addresses) & set(own) else others).append(host)
    found = [await _target(domain, host, dns) for host in hosts]
    if not here:
        text = f"The MX records of {domain} lead elsewhere: {', '.join(others)}."
        found.append(Finding(Severity.ERROR, domain, text, "Its mail never comes here, or only by a detour.", fix))
    elif others:
        text = f"Mail for {domain} also goes to {', '.join(others)}."
        why = "Every exchanger needs the same recipients and the same checks, or spam comes in by the other one."
        found.append(Finding(Severity.INFO, domain, text, why))
    else:
        found.append(Finding(Severity.OK, domain, f"The MX records of {domain} lead here ({', '.join(here)})."))
    return [one for one in found if one is not None]


async def _target(domain: str, host: str, dns: Lookups) -> Finding | None:
    if await dns.records(host, "CNAME"):
        text = f"The exchanger {host} is an alias (CNAME)."
        why = "RFC 2181 §10.3 forbids it, and some servers do not follow."
        return Finding(Severity.WARNING, domain, text, why, f"an MX record with the name that {host} stands for")
    if not await dns.addresses(host):
        text = f"The exchanger {host} has no address."
        return Finding(Severity.ERROR, domain, text, "Mail waits there for nothing.", f"{host}. A <its address>")
    return None
