"""Addresses of the envelope: RFC 5321 §4.1.2 with the extensions that the Internet uses."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from compostela.base.errors import InvalidArgument
from compostela.model.domain import Domain

MAX_LOCAL_PART = 64
# characters above ASCII are allowed by negated sets: ranges up to U+10FFFF take 20 ms to compile, at each start
_ATEXT = r'[^\x00-\x20"(),.:;<>@\[\\\]\x7f]'
_ATOM = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_QUOTED = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"')
_LETTER = r"[^\x00-/:-@\[-^`{-\x7f]"
_LABEL = rf"{_LETTER}(?:[^\x00-,./:-@\[-^`{{-\x7f]*{_LETTER})?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_LITERAL = re.compile(r"\[(IPv6:)?([0-9A-Fa-f.:]+)\]", re.IGNORECASE)
_ROUTE = re.compile(r"(?:@[^@,:\s]+,)*@[^@,:\s]+:")


@dataclass(frozen=True, slots=True)
class MailAddress:
    """`local_part@domain` of the envelope. The local part keeps its case, and quotes where it needs them; equality and hash ignore
    case."""

    local_part: str
    domain: Domain
    _text: str = field(init=False, repr=False, compare=False)
    """Computed once: a mail's addresses are written a dozen times on its way."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_text", f"{self.local_part}@{self.domain.name}")

    @classmethod
    def parse(cls, text: str, default_domain: Domain | None = None) -> "MailAddress":
        """Parses an address without angle brackets. A source route is dropped (RFC 5321 §4.1.1.3); an address without a
        domain takes `default_domain`. Raises `InvalidArgument`."""
        return _parse(text, None if default_domain is None else default_domain.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MailAddress):
            return NotImplemented
        return self.domain == other.domain and self.local_part.lower() == other.local_part.lower()

    def __hash__(self) -> int:
        return hash((self.local_part.lower(), self.domain.name))

    def __str__(self) -> str:
        return self._text

    @property
    def is_ascii(self) -> bool:
        """Whether SMTP without SMTPUTF8 can carry it (RFC 6531): a domain always has A-labels."""
        return self.local_part.isascii()

    @property
    def unquoted_local_part(self) -> str:
        """The local part's meaning: without quotes and quoted pairs."""
        return _unquoted(self.local_part)


@lru_cache(maxsize=4096)
def _parse(text: str, default_domain: str | None) -> MailAddress:
    route = _ROUTE.match(text)
    start = route.end() if route else 0
    local = _QUOTED.match(text, start) or _ATOM.match(text, start)
    if local is None:
        raise InvalidArgument("an address needs a local part")
    local_part = _least_quoted(local.group())
    if len(local_part.encode()) > MAX_LOCAL_PART:
        raise InvalidArgument(f"a local part must not be longer than {MAX_LOCAL_PART} octets")
    end = local.end()
    if end == len(text):
        if default_domain is None:
            raise InvalidArgument("an address needs a domain")
        return MailAddress(local_part, Domain(default_domain))
    if text[end] != "@":
        raise InvalidArgument("an address must be local-part@domain")
    domain = text[end + 1 :].removesuffix(".")
    if not (_DOMAIN.fullmatch(domain) or _is_literal(domain)):
        raise InvalidArgument("an address needs a valid domain")
    return MailAddress(local_part, Domain(domain.lower()) if domain.startswith("[") else Domain.parse(domain))


def _is_literal(domain: str) -> bool:
    """An IPv4 or IPv6 address literal (RFC 5321 §4.1.3). No other kind is registered."""
    literal = _LITERAL.fullmatch(domain)
    if literal is None:
        return False
    try:
        return ip_address(literal.group(2)).version == (6 if literal.group(1) else 4)
    except ValueError:
        return False


def _unquoted(local_part: str) -> str:
    return re.sub(r"\\(.)", r"\1", local_part[1:-1]) if local_part.startswith('"') else local_part


def _least_quoted(local_part: str) -> str:
    """Quotes and quoted pairs that say nothing are no part of the address: `"bob"` is `bob` (RFC 5321 §4.1.2)."""
    if not local_part.startswith('"'):
        return local_part
    meaning = _unquoted(local_part)
    if _ATOM.fullmatch(meaning):
        return meaning
    return '"' + re.sub(r'(["\\])', r"\\\1", meaning) + '"'
