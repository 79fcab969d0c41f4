"""DKIM-Signature fields (RFC 6376 §3.5, RFC 8463 §3)."""

import enum
import re
from dataclasses import dataclass

from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_base64, parse_list, parse_tags, without_space
from compostela.mailauth.dns import a_labels, is_queryable

_DIGITS = re.compile(r"[0-9]{1,76}")
_DOMAIN = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?)*")
_FIELD_NAME = re.compile(rb"[!-9;-~]+")
_REQUIRED = ("v", "a", "b", "bh", "d", "h", "s")
_METHOD = "dns/txt"
MAX_FIELDS = 1000
"""Names in h=."""


class Algorithm(enum.Enum):
    """What is accepted. rsa-sha1 is not (RFC 8301 §3.1)."""

    RSA = "rsa-sha256"
    ED25519 = "ed25519-sha256"

    @property
    def key_type(self) -> str:
        return self.value.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature whose tags are right. Names of domains are in A-labels and lower case."""

    algorithm: Algorithm
    signature: bytes
    body_hash: bytes
    relaxed_header: bool
    relaxed_body: bool
    domain: str
    selector: str
    identity: str
    """i=, with its local part as written."""
    fields: tuple[bytes, ...]
    """Names of the signed fields, in lower case."""
    body_length: int | None = None
    signed_at: int | None = None
    expires_at: int | None = None

    @property
    def identity_domain(self) -> str:
        return self.identity.rpartition("@")[2]

    @property
    def key_name(self) -> str:
        """Where the public key is (§3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def parse_signature(value: bytes) -> Signature:
    """Of the value of a DKIM-Signature field. Raises `DkimSyntaxError` with the reasons of §6.1.1."""
    tags = parse_tags(value.decode("utf-8", "replace"))
    missing = [name for name in _REQUIRED if name not in tags]
    if missing:
        raise DkimSyntaxError(f"{missing[0]}= is missing")
    if tags["v"] != "1":
        raise DkimSyntaxError("the version is not 1")
    if _METHOD not in [method.lower() for method in parse_list(tags.get("q", _METHOD))]:
        raise DkimSyntaxError("no known method to get the key")
    domain = _domain(tags["d"], "d")
    signed_at, expires_at = _number(tags, "t"), _number(tags, "x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise DkimSyntaxError("it expires before it was made")
    relaxed_header, relaxed_body = _canonicalisation(tags.get("c", "simple/simple"))
    return Signature(
        algorithm=_algorithm(tags["a"]),
        signature=parse_base64(tags["b"], "b"),
        body_hash=parse_base64(tags["bh"], "bh"),
        relaxed_header=relaxed_header,
        relaxed_body=relaxed_body,
        domain=domain,
        selector=_domain(tags["s"], "s"),
        identity=_identity(tags.get("i"), domain),
        fields=_fields(tags["h"]),
        body_length=_number(tags, "l"),
        signed_at=signed_at,
        expires_at=expires_at,
    )


def _algorithm(value: str) -> Algorithm:
    try:
        return Algorithm(value.lower())
    except ValueError:
        raise DkimSyntaxError(f"the algorithm {value[:40]} is not accepted") from None


def _canonicalisation(value: str) -> tuple[bool, bool]:
    header, _, body = value.lower().partition("/")
    body = body or "simple"
    if {header, body} - {"simple", "relaxed"}:
        raise DkimSyntaxError(f"the canonicalisation {value[:40]} is not known")
    return header == "relaxed", body == "relaxed"


def _domain(value: str, tag: str) -> str:
    name = a_labels(without_space(value)).lower()
    if not is_queryable(name) or not _DOMAIN.fullmatch(name):
        raise DkimSyntaxError(f"{tag}= is no domain name")
    return name


def _identity(value: str | None, domain: str) -> str:
    """The domain of i= is that of d= or one below it (§6.1.1)."""
    if value is None:
        return f"@{domain}"
    local, at, identity_domain = without_space(value).rpartition("@")
    identity_domain = _domain(identity_domain, "i")
    if not at or (identity_domain != domain and not identity_domain.endswith(f".{domain}")):
        raise DkimSyntaxError("the domain of i= is not within d=")
    return f"{local}@{identity_domain}"


def _fields(value: str) -> tuple[bytes, ...]:
    names = tuple(name.lower().encode() for name in parse_list(value))
    if len(names) > MAX_FIELDS or not all(_FIELD_NAME.fullmatch(name) for name in names):
        raise DkimSyntaxError("h= is no list of field names")
    if b"from" not in names:
        raise DkimSyntaxError("the From field is not signed")
    return names


def _number(tags: dict[str, str], name: str) -> int | None:
    value = tags.get(name)
    if value is None:
        return None
    if not _DIGITS.fullmatch(value):
        raise DkimSyntaxError(f"{name}= is no number")
    return int(value)
