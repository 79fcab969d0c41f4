"""DMARC records (RFC 7489 §6.3)."""

import enum
import re
from dataclasses import dataclass

from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_tags

_REPORT_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s,!]+(?:![0-9]+[kmgt]?)?", re.IGNORECASE)


class Policy(enum.Enum):
    """What a domain's owner asks for mail that fails, in order of severity."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> "Policy":
        """What holds for mail that `pct` leaves out (§6.6.4)."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    policy: Policy
    subdomain_policy: Policy
    """sp=; that of `policy` without it."""
    strict_dkim: bool = False
    """adkim=s: the names must be equal."""
    strict_spf: bool = False
    """aspf=s."""
    percent: int = 100
    """pct=."""


def is_record(text: str) -> bool:
    """Whether a TXT record is one of DMARC at all: `v=DMARC1` is its first tag."""
    name, equals, value = text.partition(";")[0].partition("=")
    return bool(equals) and name.strip() == "v" and value.strip() == "DMARC1"


def parse_record(text: str) -> DmarcRecord | None:
    """None for a record that cannot be used. One without a usable policy that asks for reports counts as `p=none` (§6.6.3)."""
    if not is_record(text):
        return None
    try:
        tags = parse_tags(text)
    except DkimSyntaxError:
        return None
    try:
        policy = Policy(tags.get("p", "").lower())
        subdomain = Policy(tags.get("sp", policy.value).lower())
    except ValueError:
        if not any(_REPORT_URI.fullmatch(one.strip()) for one in tags.get("rua", "").split(",")):
            return None
        policy = subdomain = Policy.NONE
    percent = tags.get("pct", "100")
    return DmarcRecord(
        policy,
        subdomain,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        percent=min(int(percent), 100) if percent.isascii() and percent.isdigit() and len(percent) <= 3 else 100,
    )
