"""DMARC (RFC 7489): the record of the domain, or of one above it."""

import itertools
from dataclasses import replace

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import Record, dmarc
from compostela.doctor.dns.tag_list import tags, version
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject, is_within

_WHY = "Large providers ask for one, and without it anybody may write in the name of the domain."


async def check_dmarc(subject: Subject, domain: str, dns: Lookups) -> list[Finding]:
    usual = dmarc(subject, domain)
    fix = str(usual)
    place, records = await _records(domain, dns)
    if not records:
        return [Finding(Severity.WARNING, domain, f"{domain} has no DMARC record.", _WHY, fix)]
    if len(records) > 1:
        text = f"There are {len(records)} DMARC records at _dmarc.{place}: none of them counts."
        fix = f"one of them alone, or {fix}"
        return [Finding(Severity.ERROR, domain, text, _WHY, fix)]
    found = tags(records[0])
    policy = found.get("p", "").lower() if place == domain else found.get("sp", found.get("p", "")).lower()
    if policy not in ("none", "quarantine", "reject"):
        text = f"The DMARC record at _dmarc.{place} has no policy."
        return [Finding(Severity.ERROR, domain, text, "Receivers do as if it were not there.", fix)]
    # what there is stays, but a record that is inherited is not touched for one domain
    kept = (
        {**found, "v": "DMARC1", "rua": found.get("rua") or tags(usual.value)["rua"]}
        if place == domain
        else tags(usual.value)
    )
    notes = []
    if policy == "none":
        text = f"DMARC of {domain} only watches (p=none)."
        why = "Forged mail is delivered. Go on to p=quarantine when the reports show that your own mail passes."
        notes.append(Finding(Severity.INFO, domain, text, why, _changed(usual, kept, p="quarantine")))
    fix = _changed(usual, kept, rua=tags(usual.value)["rua"])
    notes += await _reports(found.get("rua", ""), domain, place, dns, fix)
    return notes or [Finding(Severity.OK, domain, f"DMARC of {domain}: {policy}, with reports.")]


def _changed(record: Record, known: dict[str, str], **changes: str) -> str:
    """The record with these tags, version and policy first (RFC 7489 §6.3)."""
    tagged = {"v": "", "p": "", **known, **changes}
    return str(replace(record, value="; ".join(f"{name}={value}" for name, value in tagged.items())))


async def _reports(rua: str, domain: str, place: str, dns: Lookups, fix: str) -> list[Finding]:
    """`place` is the name of the record's domain."""
    why = "You do not learn when your own mail fails."
    targets = [one.strip() for one in rua.split(",") if one.strip()]
    if not targets:
        return [Finding(Severity.INFO, domain, f"DMARC of {domain} asks for no reports.", why, fix)]
    found = []
    for target in targets:
        scheme, colon, address = target.partition(":")
        elsewhere = address.partition("!")[0].rpartition("@")[2].lower()
        if scheme.lower() != "mailto" or not colon or not elsewhere:
            text = f"DMARC of {domain} asks for reports at {target!r}, which is no mailto: address."
            found.append(Finding(Severity.WARNING, domain, text, why, fix))
        elif not await _are_one_organisation(place, elsewhere, dns):
            # the other domain must say that it wants them (§7.1)
            name = f"{place}._report._dmarc.{elsewhere}"
            if not any(version(one) == "DMARC1" for one in await dns.txt(name)):
                text = f"Reports about {place} are asked for at {elsewhere}, which does not say that it takes them."
                found.append(Finding(Severity.INFO, domain, text, why, f'{name}. TXT "v=DMARC1"'))
    return found


async def _are_one_organisation(domain: str, other: str, dns: Lookups) -> bool:
    """One lies in the other, or both below a name with a DMARC record of its own: so it is found without a list of public
    suffixes, by which two names below co.uk are strangers to each other."""
    if is_within(domain, other) or is_within(other, domain):
        return True
    labels = zip(reversed(domain.split(".")), reversed(other.split(".")), strict=False)
    common = [one for one, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], labels)]
    return bool((await _records(".".join(reversed(common)), dns))[1])


async def _records(domain: str, dns: Lookups) -> tuple[str, list[str]]:
    """Those of the nearest name that has any; a top-level domain is not asked."""
    labels = domain.split(".")
    for start in range(min(len(labels) - 1, 5)):
        name = ".".join(labels[start:])
        records = [one for one in await dns.txt(f"_dmarc.{name}") if version(one) == "DMARC1"]
        if records:
            return name, records
    return domain, []
