"""The ARC sets of a header block (RFC 8617 §4): each has a seal, a message signature, and the results of its handler."""

import contextlib
import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass

from compostela.mailauth.dkim.canonical import relaxed_field
from compostela.mailauth.dkim.signature import Signature, parse_signature
from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_tags
from compostela.mime.headers import Field

SEAL, MESSAGE_SIGNATURE, RESULTS = b"arc-seal", b"arc-message-signature", b"arc-authentication-results"
KINDS = (RESULTS, MESSAGE_SIGNATURE, SEAL)
"""In the order in which a seal covers them (§5.1.1)."""
MAX_SETS = 50
"""§4.2.1."""
_INSTANCE = re.compile(rb"[ \t\r\n]*i[ \t\r\n]*=[ \t\r\n]*([0-9]{1,2})[ \t\r\n]*;")


class ChainStatus(enum.Enum):
    """§4.4, as `cv=` says it."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"


class BrokenChain(ValueError):
    """The sets make no chain, and why."""


@dataclass(frozen=True, slots=True)
class Seal:
    """An ARC-Seal whose tags are right."""

    signature: Signature
    status: ChainStatus
    """cv=: what the sealer thought of the sets before its own."""


@dataclass(frozen=True, slots=True)
class ArcSet:
    results: Field
    message_signature: Field
    seal: Field


def read_sets(by_name: Mapping[bytes, list[Field]]) -> list[ArcSet]:
    """The sets from the first to the last; fields by their names in lower case. Raises `BrokenChain` (§5.2 step 3)."""
    found: dict[int, dict[bytes, Field]] = {}
    for kind in KINDS:
        for field in by_name.get(kind, ()):
            instance = _instance(field)
            if kind in found.setdefault(instance, {}):
                raise BrokenChain(f"set {instance} has several fields of a kind")
            found[instance][kind] = field
    if sorted(found) != list(range(1, len(found) + 1)):
        raise BrokenChain("a set is missing")
    incomplete = [instance for instance, fields in found.items() if len(fields) < len(KINDS)]
    if incomplete:
        raise BrokenChain(f"set {incomplete[0]} is not whole")
    return [ArcSet(*(found[instance][kind] for kind in KINDS)) for instance in sorted(found)]


def own_set(by_name: Mapping[bytes, list[Field]]) -> ArcSet:
    """The set whose fields are on top."""
    return ArcSet(*(by_name[kind][0] for kind in KINDS))


def highest_instance(by_name: Mapping[bytes, list[Field]]) -> int:
    """Of the fields that have a number, whether they make a chain or not; 0 without any."""
    highest = 0
    for field in (one for kind in KINDS for one in by_name.get(kind, ())):
        with contextlib.suppress(BrokenChain):
            highest = max(highest, _instance(field))
    return highest


def parse_seal(value: bytes) -> Seal:
    """Raises `DkimSyntaxError`."""
    tags = parse_tags(value.decode("utf-8", "replace"))
    if "h" in tags or "bh" in tags:
        raise DkimSyntaxError("a seal has no h= or bh=")
    try:
        status = ChainStatus(tags.pop("cv", "").lower())
    except ValueError:
        raise DkimSyntaxError("cv= is none of none, pass, fail") from None
    # the rules of its other tags are those of a DKIM signature
    return Seal(_signature({**tags, "h": "from", "bh": "AA=="}), status)


def parse_message_signature(value: bytes) -> Signature:
    """Raises `DkimSyntaxError`."""
    signature = _signature(parse_tags(value.decode("utf-8", "replace")))
    if SEAL in signature.fields:
        raise DkimSyntaxError("a message signature must not cover seals")
    return signature


def sealed_octets(header: bytes, sets: list[ArcSet], last: bytes) -> bytes:
    """What a seal signs: the sets before it, the results and message signature of its own, and `last`, its own field without value
    and line end (§5.1.1). `sets` end with its own."""
    fields = [field for one in sets for field in (one.results, one.message_signature, one.seal)][:-1]
    octets = b"".join(relaxed_field(header[field.start : field.end]) for field in fields)
    return octets + relaxed_field(last).removesuffix(b"\r\n")


def _instance(field: Field) -> int:
    found = _INSTANCE.match(field.value if field.name.lower() == RESULTS else b"i=" + _tag_i(field.value) + b";")
    number = int(found[1]) if found is not None else 0
    if not 1 <= number <= MAX_SETS:
        raise BrokenChain("a field has no instance from 1 to 50")
    return number


def _tag_i(value: bytes) -> bytes:
    try:
        return parse_tags(value.decode("utf-8", "replace")).get("i", "").encode()
    except DkimSyntaxError as error:
        raise BrokenChain(str(error)) from error


def _signature(tags: dict[str, str]) -> Signature:
    known = {name: text for name, text in tags.items() if name != "i"}
    return parse_signature("; ".join(f"{name}={text}" for name, text in {**known, "v": "1"}.items()).encode())
