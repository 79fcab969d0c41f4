"""DMARC: does a result of SPF or DKIM speak for the domain of the author, and what does that domain ask for otherwise (RFC 7489 §6.6)."""

import asyncio
import enum
from collections.abc import Collection
from dataclasses import dataclass

from compostela.mailauth.dmarc.domains import organisation
from compostela.mailauth.dmarc.record import DmarcRecord, Policy, is_record, parse_record
from compostela.mailauth.dns import AuthenticationDns, DnsFailure

MAX_SECONDS = 20.0
"""For both look-ups."""


class DmarcCode(enum.Enum):
    """RFC 7489 §11.2."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class Authenticated:
    """What SPF and DKIM found. Names in A-labels and lower case."""

    spf: str = ""
    """The domain of an SPF pass; empty for every other result."""
    dkim: Collection[str] = ()
    """d= of the signatures that hold."""
    unsure: bool = False
    """One of them could not be found out for now."""


@dataclass(frozen=True, slots=True)
class DmarcResult:
    code: DmarcCode
    domain: str = ""
    """Of the author."""
    policy: Policy = Policy.NONE
    """What the domain asks for mail that fails."""
    disposition: Policy = Policy.NONE
    """What is asked for this very mail: `policy`, or the milder one for the part that `pct` leaves out."""
    aligned: tuple[str, ...] = ()
    """`spf`, `dkim`: which speak for the domain."""
    problem: str = ""


async def evaluate(domain: str, found: Authenticated, dns: AuthenticationDns, *, sample: int) -> DmarcResult:
    """`domain` is that of the author. `sample`, from 0 to 99, decides whether a mail is among the `pct` of 100. Raises nothing."""
    try:
        async with asyncio.timeout(MAX_SECONDS):
            record, is_inherited = await _record_of(domain, dns)
    except (DnsFailure, TimeoutError) as error:
        return DmarcResult(DmarcCode.TEMPERROR, domain, problem=f"DNS: {error}")
    if record is None:
        return DmarcResult(DmarcCode.NONE, domain)
    policy = record.subdomain_policy if is_inherited else record.policy
    aligned = [name for name, holds in _alignment(domain, found, record) if holds]
    if aligned:
        return DmarcResult(DmarcCode.PASS, domain, policy, aligned=tuple(aligned))
    if found.unsure:
        return DmarcResult(DmarcCode.TEMPERROR, domain, policy, problem="SPF or DKIM could not be checked for now")
    disposition = policy if sample < record.percent else policy.milder
    return DmarcResult(DmarcCode.FAIL, domain, policy, disposition)


def _alignment(domain: str, found: Authenticated, record: DmarcRecord) -> list[tuple[str, bool]]:
    return [
        ("spf", bool(found.spf) and is_aligned(found.spf, domain, strict=record.strict_spf)),
        ("dkim", any(is_aligned(one, domain, strict=record.strict_dkim) for one in found.dkim)),
    ]


def is_aligned(name: str, domain: str, *, strict: bool) -> bool:
    """§3.1: the same name, or, unless `strict`, names of one organisation."""
    return name == domain or (not strict and organisation(name) == organisation(domain))


async def _record_of(domain: str, dns: AuthenticationDns) -> tuple[DmarcRecord | None, bool]:
    """The record of the domain or else of its organisation, and whether it is the latter's (§6.6.3)."""
    above = organisation(domain)
    for name in dict.fromkeys((domain, above)):
        records = [text for text in await dns.txt(f"_dmarc.{name}") if is_record(text)]
        if records:
            # of several, none counts
            return (parse_record(records[0]) if len(records) == 1 else None), name != domain
    return None, False
