"""DANE: TLSA records match the certificate (RFC 6698, RFC 7672)."""

import hashlib
import hmac
from collections.abc import Callable

from compostela.doctor.dns.exchangers import other_names
from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import dane
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Certificate, Subject

_END_ENTITY, _TRUST_ANCHOR = "3", "2"
_DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "0": bytes,
    "1": lambda data: hashlib.sha256(data).digest(),
    "2": lambda data: hashlib.sha512(data).digest(),
}


async def check_dane(subject: Subject, dns: Lookups) -> list[Finding]:
    return [await _of_host(subject, subject.host, dns)]


async def check_dane_of_domain(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    """Other servers look for the record at the name that the MX record has (RFC 7672 §2.2): one that is not `helloName`."""
    return [await _of_host(subject, host, dns) for host in await other_names(subject, domain, dns)]


async def _of_host(subject: Subject, host: str, dns: Lookups) -> Finding:
    name = f"_25._tcp.{host}"
    fix = "\n".join(map(str, dane(subject, host)))
    records = await dns.records(name, "TLSA")
    if not records:
        text = f"There is no TLSA record at {name}."
        why = (
            "In a zone with DNSSEC it tells other servers which key to expect, so that the mail cannot be intercepted."
        )
        return Finding(Severity.INFO, host, text, why, fix)
    if subject.certificate is None:
        text = f"The TLSA records at {name} cannot be compared: the server's certificate cannot be read."
        return Finding(Severity.WARNING, host, text)
    if any(_matches(record, subject.certificate) for record in records):
        return Finding(Severity.OK, host, f"A TLSA record at {name} matches the certificate.")
    if any(record.split()[0] == _TRUST_ANCHOR for record in records):
        text = f"The TLSA records at {name} name an authority; whether it signed the certificate is not examined."
        return Finding(Severity.INFO, host, text)
    text = f"No TLSA record at {name} matches the certificate that is served."
    why = "Servers that know DANE deliver no mail here at all."
    return Finding(Severity.ERROR, host, text, why, f"{fix}\ninstead of: {'; '.join(records)}")


def _matches(record: str, certificate: Certificate) -> bool:
    """Of the usages only DANE-EE is for the certificate itself; 0 and 1 are unusable with SMTP (RFC 7672 §3.1.3)."""
    parts = record.split()
    if len(parts) < 4 or parts[0] != _END_ENTITY or parts[1] not in ("0", "1") or parts[2] not in _DIGESTS:
        return False
    data = certificate.der if parts[1] == "0" else certificate.public_key
    return hmac.compare_digest(_DIGESTS[parts[2]](data).hex(), "".join(parts[3:]).lower())
