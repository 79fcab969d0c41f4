"""SPF lets this server send (RFC 7208)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

from compostela.doctor.dns.lookups import Lookups
from compostela.doctor.dns.records import Record
from compostela.doctor.model import Finding, Severity
from compostela.doctor.subject import Subject

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
    subject: Subject, name: str, dns: Lookups, evaluate: EvaluateSpf, usual: Record
) -> list[Finding]:
    """`usual` is the record to publish when there is none."""
    addresses = await dns.public_addresses(subject)
    if not addresses:
        text = "Whether SPF lets this server send cannot be told: its addresses are unknown."
        return [Finding(Severity.INFO, name, text, fix="public.addresses in doctor.properties")]
    results = [(address, *await evaluate(address, name, subject.host)) for address in addresses]
    refused = [address for address, code, _ in results if code != "pass"]
    unreadable = any(code == "permerror" for _, code, _ in results)
    fix = await _fix(name, refused or addresses, dns, usual, unreadable=unreadable)
    return [_judged(name, address, code, reason, fix) for address, code, reason in results]


def _judged(name: str, address: str, code: str, reason: str, fix: str) -> Finding:
    if code == "pass" and reason.lstrip("+").lower() == "all":
        text = f"SPF of {name} lets everybody send ({reason})."
        return Finding(
            Severity.WARNING, name, text, "Anybody may write in its name, and receivers count that against it.", fix
        )
    if code == "pass":
        return Finding(Severity.OK, name, f"SPF of {name} lets {address} send ({reason}).")
    text = f"SPF of {name} for {address}: {code}{f' ({reason})' if reason else ''}."
    return Finding(_SEVERITY.get(code, Severity.WARNING), name, text, _WHY, fix)


async def _fix(name: str, addresses: Sequence[str], dns: Lookups, usual: Record, *, unreadable: bool) -> str:
    """The record that there is with these addresses before its `all`, or a new one with what can be kept."""
    records = [one for one in await dns.txt(name) if one.lower().split(" ")[0] == "v=spf1"]
    if len(records) > 1:
        return f"{_rewritten(records, usual)}\nas the one record instead of {len(records)}"
    if not records or unreadable:
        return _rewritten(records, usual)
    terms = records[0].split()
    place = next((at for at, one in enumerate(terms) if _is_all(one)), len(terms))
    own = [f"ip{ip_address(one).version}:{one}" for one in addresses]
    rest = ["-all" if one.lstrip("+").lower() == "all" else one for one in terms[place:]]
    return str(Record(name, "TXT", " ".join([*terms[:place], *own, *rest]), "SPF"))


def _rewritten(records: Sequence[str], usual: Record) -> str:
    """`usual` with the networks of these records, and how they end. What asks DNS may be what is wrong with them: the
    operator is to look at it."""
    mechanism, end = usual.value.split()[1:]
    terms = dict.fromkeys(term for one in records for term in one.split()[1:])
    networks = [one for one in terms if _is_network(one)]
    ends = [one for one in terms if _is_all(one) and one[0] in "-~?"]
    left = [one for one in terms if not (_is_network(one) or _is_all(one) or one.lower().lstrip("+") == mechanism)]
    record = replace(usual, value=" ".join(["v=spf1", mechanism, *networks, ends[0] if len(ends) == 1 else end]))
    if not left:
        return str(record)
    return f"{record}\nwith what is right and still needed of: {' '.join(left)}"


def _is_all(term: str) -> bool:
    return term.lstrip("+-~?").lower() == "all"


def _is_network(term: str) -> bool:
    name, _, network = term.lstrip("+").partition(":")
    try:
        return name.lower() == f"ip{ip_network(network, strict=False).version}"
    except ValueError:
        return False
