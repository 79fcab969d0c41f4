"""DMARC (RFC 7489): the record of the domain, or of one above it."""

from compostela.core.diagnosis.lookups import Lookups
from compostela.core.diagnosis.model import Finding, Severity
from compostela.core.diagnosis.records import dmarc
from compostela.core.diagnosis.subject import Subject
from compostela.core.diagnosis.tag_list import tags, version

_WHY = "Large providers ask for one, and without it anybody may write in the name of the domain."


async def check_dmarc(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    fix = str(dmarc(subject, domain))
    place, records = await _records(domain, dns)
    if not records:
        return [Finding(Severity.WARNING, domain, f"{domain} has no DMARC record.", _WHY, fix)]
    if len(records) > 1:
        text = f"There are {len(records)} DMARC records at _dmarc.{place}: none of them counts."
        return [Finding(Severity.ERROR, domain, text, _WHY, fix)]
    found = tags(records[0])
    policy = found.get("p", "").lower() if place == domain else found.get("sp", found.get("p", "")).lower()
    if policy not in ("none", "quarantine", "reject"):
        text = f"The DMARC record at _dmarc.{place} has no policy."
        return [Finding(Severity.ERROR, domain, text, "Receivers do as if it were not there.", fix)]
    notes = []
    if policy == "none":
        text = f"DMARC of {domain} only watches (p=none)."
        why = "Forged mail is delivered. Go on to p=quarantine when the reports show that your own mail passes."
        notes.append(Finding(Severity.INFO, domain, text, why, fix.replace("p=none", "p=quarantine")))
    if "rua" not in found:
        text = f"DMARC of {domain} asks for no reports."
        notes.append(Finding(Severity.INFO, domain, text, "Nobody tells you when your own mail fails.", fix))
    return notes or [Finding(Severity.OK, domain, f"DMARC of {domain}: {policy}, with reports.")]


async def _records(domain: str, dns: Lookups) -> tuple[str, list[str]]:
    """Those of the nearest name that has any; a top-level domain is not asked."""
    labels = domain.split(".")
    for start in range(min(len(labels) - 1, 5)):
        name = ".".join(labels[start:])
        records = [one for one in await dns.txt(f"_dmarc.{name}") if version(one) == "DMARC1"]
        if records:
            return name, records
    return domain, []
