"""Forward and reverse DNS agree (RFC 1912 §2.1): name -> address -> the same name."""

from ipaddress import ip_address

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject

_WHY = "Large providers refuse mail from an address whose name does not lead back to it."


async def check_reverse(subject: Subject, dns: Lookups) -> list[Finding]:
    forward = await dns.addresses(subject.host)
    found = []
    if not forward:
        wanted = [_record(subject.host, one) for one in subject.settings.addresses]
        found.append(
            Finding(
                Severity.ERROR,
                subject.host,
                f"{subject.host} has no address in DNS.",
                "Other servers cannot deliver mail to it, and refuse its mail.",
                "\n".join(wanted) or f"{subject.host}. A <the server's public address>",
            )
        )
    for address in subject.settings.addresses:
        if forward and ip_address(address) not in [ip_address(one) for one in forward]:
            text = f"{subject.host} does not lead to {address}."
            found.append(Finding(Severity.ERROR, address, text, _WHY, _record(subject.host, address)))
    return found + [await _reverse(subject, dns, one) for one in await dns.public_addresses(subject)]


async def _reverse(subject: Subject, dns: Lookups, address: str) -> Finding:
    names = [name.lower() for name in await dns.names(address)]
    fix = f"{ip_address(address).reverse_pointer}. PTR {subject.host}."
    if subject.host in names:
        return Finding(Severity.OK, address, f"{address} has the name {subject.host}.")
    if not names:
        return Finding(Severity.ERROR, address, f"{address} has no name in reverse DNS.", _WHY, fix)
    for name in names[:5]:
        if ip_address(address) in [ip_address(one) for one in await dns.addresses(name)]:
            text = f"{address} has the name {name}, which leads back to it, but the server calls itself {subject.host}."
            why = "Some servers compare the two, and count a difference against the mail."
            return Finding(Severity.WARNING, address, text, why, fix)
    return Finding(Severity.ERROR, address, f"{address} has the name {names[0]}, which does not lead back.", _WHY, fix)


def _record(host: str, address: str) -> str:
    return f"{host}. {'A' if ip_address(address).version == 4 else 'AAAA'} {address}"
