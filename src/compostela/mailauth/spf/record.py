"""SPF records (RFC 7208 §4.5, §4.6, §5, §6): finding the one of a domain, and its grammar."""

import enum
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from compostela.mailauth.spf.macros import MacroString, SpfSyntaxError, parse_domain_spec, parse_macro_string

_VERSION = re.compile(r"v=spf1(?: |\Z)", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9\-_.]*)=(.*)")
_DIRECTIVE = re.compile(r"([+\-?~]?)([A-Za-z][A-Za-z0-9\-_.]*)(.*)")
_NUMBER = r"(?:0|[1-9][0-9]{0,2})"
_DUAL_CIDR = re.compile(rf"(.*?)(?:/({_NUMBER}))?(?://({_NUMBER}))?")
_NETWORK = re.compile(rf":([^/]+)(?:/({_NUMBER}))?")
_VISIBLE = re.compile(r"[\x20-\x7e]*")


class Qualifier(enum.Enum):
    PASS = "+"
    FAIL = "-"
    SOFTFAIL = "~"
    NEUTRAL = "?"


class Kind(enum.Enum):
    """Mechanisms."""

    ALL = "all"
    INCLUDE = "include"
    A = "a"
    MX = "mx"
    PTR = "ptr"
    IP4 = "ip4"
    IP6 = "ip6"
    EXISTS = "exists"


LOOKING_UP = frozenset({Kind.INCLUDE, Kind.A, Kind.MX, Kind.PTR, Kind.EXISTS})
"""Mechanisms that ask DNS and count against the limit (§4.6.4)."""
_WITH_CIDR = frozenset({Kind.A, Kind.MX})
_WITHOUT_DOMAIN = frozenset({Kind.A, Kind.MX, Kind.PTR})
"""May leave the domain out."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A mechanism with its qualifier. `domain` is None where the mechanism means the current one."""

    qualifier: Qualifier
    kind: Kind
    text: str
    """As written in the record."""
    domain: MacroString | None = None
    network: IPv4Network | IPv6Network | None = None
    cidr4: int = 32
    cidr6: int = 128


@dataclass(slots=True)
class SpfRecord:
    """A record that is right as a whole."""

    directives: list[Directive] = field(default_factory=list)
    redirect: MacroString | None = None
    explanation: MacroString | None = None


def select(texts: Iterable[str]) -> list[str]:
    """Those TXT records that are SPF records (§4.5)."""
    return [text for text in texts if _VERSION.match(text)]


def parse_record(text: str) -> SpfRecord:
    """Raises `SpfSyntaxError` for an error anywhere in it (§4.6)."""
    if not _VISIBLE.fullmatch(text):
        raise SpfSyntaxError("a character that is not printable ASCII")
    record = SpfRecord()
    for term in text.split(" ")[1:]:
        if not term:
            continue
        modifier = _MODIFIER.fullmatch(term)
        if modifier is None:
            record.directives.append(_directive(term))
        else:
            _add_modifier(record, modifier.group(1).lower(), modifier.group(2))
    return record


def _add_modifier(record: SpfRecord, name: str, value: str) -> None:
    match name:
        case "redirect":
            if record.redirect is not None:
                raise SpfSyntaxError("duplicate redirect=")
            record.redirect = parse_domain_spec(value)
        case "exp":
            if record.explanation is not None:
                raise SpfSyntaxError("duplicate exp=")
            record.explanation = parse_domain_spec(value)
        case _:
            parse_macro_string(value)


def _directive(term: str) -> Directive:
    found = _DIRECTIVE.fullmatch(term)
    if found is None:
        raise SpfSyntaxError(f"{term[:80]!r} is no term")
    sign, name, rest = found.groups()
    try:
        kind = Kind(name.lower())
    except ValueError:
        raise SpfSyntaxError(f"{name[:80]!r} is no mechanism") from None
    qualifier = Qualifier(sign or "+")
    match kind:
        case Kind.ALL:
            if rest:
                raise SpfSyntaxError("all takes no argument")
            return Directive(qualifier, kind, term)
        case Kind.IP4 | Kind.IP6:
            return Directive(qualifier, kind, term, network=_network(kind, rest))
        case _:
            return _with_domain(qualifier, kind, term, rest)


def _with_domain(qualifier: Qualifier, kind: Kind, term: str, rest: str) -> Directive:
    cidr4, cidr6 = 32, 128
    if kind in _WITH_CIDR:
        found = _DUAL_CIDR.fullmatch(rest)
        assert found is not None
        rest = found.group(1)
        cidr4, cidr6 = _length(found.group(2), 32), _length(found.group(3), 128)
    if not rest and kind in _WITHOUT_DOMAIN:
        return Directive(qualifier, kind, term, cidr4=cidr4, cidr6=cidr6)
    if not rest.startswith(":"):
        raise SpfSyntaxError(f"{term[:80]!r} is no term")
    return Directive(qualifier, kind, term, parse_domain_spec(rest[1:]), cidr4=cidr4, cidr6=cidr6)


def _network(kind: Kind, rest: str) -> IPv4Network | IPv6Network:
    found = _NETWORK.fullmatch(rest)
    if found is None or "%" in rest:
        raise SpfSyntaxError(f"{kind.value}{rest[:80]} is no network")
    try:
        address = IPv4Address(found.group(1)) if kind is Kind.IP4 else IPv6Address(found.group(1))
    except ValueError as error:
        raise SpfSyntaxError(f"{kind.value}{rest[:80]} is no network") from error
    return ip_network((address, _length(found.group(2), address.max_prefixlen)), strict=False)


def _length(digits: str | None, maximum: int) -> int:
    length = maximum if digits is None else int(digits)
    if length > maximum:
        raise SpfSyntaxError(f"/{length} is longer than the address")
    return length
