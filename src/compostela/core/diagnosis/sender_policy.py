"""SPF lets this server send (RFC 7208)."""

from collections.abc import Awaitable, Callable
from ipaddress import ip_address

from compostela.core.diagnosis.lookups import Lookups
from compostela.core.diagnosis.model import Finding, Severity
from compostela.core.diagnosis.subject import Subject

EvaluateSpf = Callable[[str, str, str], Awaitable[tuple[str, str]]]
"""Address, domain and HELO name -> result (`pass`, `fail` …) and its reason."""

_WHY = "Receivers refuse or put aside mail that the policy of its domain does not cover."
_SEVERITY = {
    "none": Severity.WARNING,
    "neutral": Severity.WARNING,
    "softfail": Severity.WARNING,
    "temperror": Severity.WARNING,
    "fail": Severity.ERROR,
    "permerror": Severity.ERROR,
}


async def check_sender_policy(
    subject: Subject, name: str, dns: Lookups, evaluate: EvaluateSpf, usual: str
) -> list[Finding]:
    """`usual` is the record to publish when there is none."""
    addresses = await dns.public_addresses(subject)
    if not addresses:
        text = "Whether SPF lets this server send cannot be told: its addresses are unknown."
        return [Finding(Severity.INFO, name, text, fix="public.addresses in doctor.properties")]
    return [await _one(subject, name, address, dns, evaluate, usual) for address in addresses]


async def _one(subject: Subject, name: str, address: str, dns: Lookups, evaluate: EvaluateSpf, usual: str) -> Finding:
    code, reason = await evaluate(address, name, subject.host)
    if code == "pass":
        return Finding(Severity.OK, name, f"SPF of {name} lets {address} send ({reason}).")
    text = f"SPF of {name} for {address}: {code}{f' ({reason})' if reason else ''}."
    return Finding(_SEVERITY.get(code, Severity.WARNING), name, text, _WHY, await _fix(name, address, dns, code, usual))


async def _fix(name: str, address: str, dns: Lookups, code: str, usual: str) -> str:
    """The record that there is with this address before its `all`, or a new one."""
    records = [one for one in await dns.txt(name) if one.lower().split(" ")[0] == "v=spf1"]
    if len(records) > 1:
        return f"one record instead of {len(records)}: {' '.join(records)}"
    if not records or code == "permerror":
        return usual
    term = f"ip{ip_address(address).version}:{address}"
    terms = records[0].split()
    place = next((at for at, one in enumerate(terms) if one.lstrip("+-~?").lower() == "all"), len(terms))
    return f'{name}. TXT "{" ".join([*terms[:place], term, *terms[place:]])}"'
