"""TLS-RPT (RFC 8460 §3)."""

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import tls_reporting
from compostela.doctor.dns.tag_list import tags, version
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject


async def check_tls_reporting(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    fix = str(tls_reporting(subject, domain))
    records = [one for one in await dns.txt(f"_smtp._tls.{domain}") if version(one) == "TLSRPTv1"]
    if not records:
        text = f"{domain} asks for no reports about TLS."
        return [Finding(Severity.INFO, domain, text, "You do not learn when others cannot reach you over TLS.", fix)]
    targets = [one.strip() for one in tags(records[0]).get("rua", "").split(",")]
    if len(records) > 1 or not all(one.startswith(("mailto:", "https://")) for one in targets):
        text = f"The TLS-RPT record of {domain} is not one record with mailto: or https: addresses."
        return [Finding(Severity.WARNING, domain, text, "It does not count.", fix)]
    return [Finding(Severity.OK, domain, f"Reports about TLS of {domain} go to {', '.join(targets)}.")]
