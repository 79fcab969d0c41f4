"""The MX records of a domain lead here (RFC 5321 §5.1)."""

from ipaddress import ip_address

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import exchanger
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject


async def check_exchangers(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    fix = str(exchanger(subject, domain))
    hosts = [one.host.lower() for one in await dns.exchangers(domain)]
    if not hosts:
        if set(await dns.addresses(domain)) & set(await dns.public_addresses(subject)):
            text = f"{domain} has no MX record; its address leads here by chance."
            return [Finding(Severity.WARNING, domain, text, "Some senders insist on an MX record.", fix)]
        text = f"{domain} has no MX record."
        return [Finding(Severity.ERROR, domain, text, "Other servers do not know where to bring its mail.", fix)]
    if "" in hosts:
        text = f"{domain} has a null MX (RFC 7505): it says that it takes no mail."
        why = "No other server tries to bring mail, or some do not when there are other MX records beside it."
        return [Finding(Severity.ERROR, domain, text, why, f"{fix}\ninstead of: {domain}. MX 0 .")]
    own = await dns.public_addresses(subject)
    here: list[str] = []
    others: list[str] = []
    for host in hosts:
        addresses = await dns.addresses(host)
        (here if host == subject.host or set(addresses) & set(own) else others).append(host)
    found = [await _target(domain, host, dns, fix) for host in hosts]
    found += [_certificate(subject, domain, host, fix) for host in here]
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


def _certificate(subject: Subject, domain: str, host: str, fix: str) -> Finding | None:
    """For another name of this server: a sender that checks the certificate looks for the name in the MX record (RFC 8461 §4.1).
    `helloName` itself is examined with the certificates."""
    if host == subject.host or subject.certificate is None or subject.certificate.covers(host):
        return None
    text = f"The certificate does not name {host}, by which the MX record of {domain} leads here."
    why = "Servers that check (MTA-STS) look for the name of the MX record and do not deliver."
    return Finding(Severity.WARNING, domain, text, why, f"{fix}\nor a certificate with the name {host}")


async def other_names(subject: Subject, domain: str, dns: Lookups) -> list[str]:
    """Names in the MX records of the domain that are names of this server, beside `helloName`."""
    own = set(await dns.public_addresses(subject))
    hosts = [one.host.lower() for one in await dns.exchangers(domain)]
    return [host for host in hosts if host not in ("", subject.host) and own & set(await dns.addresses(host))]


async def _target(domain: str, host: str, dns: Lookups, fix: str) -> Finding | None:
    if _is_address(host):
        text = f"The exchanger {host} is an address."
        return Finding(Severity.ERROR, domain, text, "An MX record holds a name (RFC 1035 §3.3.9).", fix)
    if await dns.records(host, "CNAME"):
        text = f"The exchanger {host} is an alias (CNAME)."
        why = "RFC 2181 §10.3 forbids it, and some servers do not follow."
        return Finding(Severity.WARNING, domain, text, why, f"an MX record with the name to which {host} leads")
    if not await dns.addresses(host):
        text = f"The exchanger {host} has no address."
        return Finding(Severity.ERROR, domain, text, "Mail waits there for nothing.", f"{host}. A <its address>")
    return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
