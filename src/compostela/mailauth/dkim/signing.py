"""Signing a message (RFC 6376 §5, RFC 8463)."""

import base64
from dataclasses import dataclass

from compostela.mailauth.dkim.canonical import BodyHashes, Octets, pieces, relaxed_field
from compostela.mailauth.dkim.private_key import PrivateKey
from compostela.mailauth.dkim.selection import fields_by_name, signed_fields
from compostela.mailauth.dkim.signature import parse_signature
from compostela.mailauth.dkim.tags import DkimSyntaxError, parse_tags, without_space

SENDER_DOMAIN = "%MAIL_FROM"
"""As `d=` of a template: the domain of the envelope's sender."""
FIELD_NAME = "DKIM-Signature"
_LINE_OCTETS = 72
_COMPUTED = ("v", "a", "b", "bh", "t", "l")
_EXAMPLE_DOMAIN = "sender.example"


@dataclass(frozen=True, slots=True)
class SignatureTemplate:
    """What every signature of a signer has: its tags, but for those that are computed."""

    domain: str
    """d= in A-labels, or `SENDER_DOMAIN`."""
    selector: str
    fields: tuple[bytes, ...]
    """h= in lower case."""
    relaxed_header: bool
    relaxed_body: bool
    timed: bool
    """t= is there."""
    others: tuple[tuple[str, str], ...] = ()
    """Tags that are passed on as they are (`q`, `i` …)."""


def parse_template(text: str, algorithm: str) -> SignatureTemplate:
    """A list of tags, in which `bh=`, `b=` and `t=` are empty: they are computed. Raises `DkimSyntaxError`."""
    tags = parse_tags(text)
    missing = [name for name in ("d", "s", "h") if not tags.get(name)]
    if missing:
        raise DkimSyntaxError(f"{missing[0]}= is missing")
    if tags.get("a", algorithm).lower() != algorithm:
        raise DkimSyntaxError(f"a={tags['a']} does not fit the key, which is one for {algorithm}")
    if "l" in tags:
        raise DkimSyntaxError("l= lets anybody add to the signed message (RFC 6376 §8.2)")
    by_sender = tags["d"] == SENDER_DOMAIN
    # the rules of a signature are those of its template
    values = {**tags, "v": "1", "a": algorithm, "b": "AA==", "bh": "AA==", "t": "0"}
    values["d"] = _EXAMPLE_DOMAIN if by_sender else tags["d"]
    if by_sender and "i" in tags:
        raise DkimSyntaxError(f"i= cannot be within d={SENDER_DOMAIN}")
    parsed = parse_signature("; ".join(f"{name}={value}" for name, value in values.items()).encode())
    named = (*_COMPUTED, "d", "s", "h", "c")
    return SignatureTemplate(
        domain=SENDER_DOMAIN if by_sender else parsed.domain,
        selector=parsed.selector,
        fields=parsed.fields,
        relaxed_header=parsed.relaxed_header,
        relaxed_body=parsed.relaxed_body,
        timed="t" in tags,
        others=tuple((name, without_space(value)) for name, value in tags.items() if name not in named),
    )


class DkimSigner:
    """Signs with one key. `domain` is the template's, which may be `SENDER_DOMAIN`."""

    def __init__(self, template: SignatureTemplate, key: PrivateKey) -> None:
        self.domain = template.domain
        self._template = template
        self._key = key

    def sign(
        self,
        header: bytes,
        body: Octets,
        domain: str,
        now: float,
        *,
        field_name: str = FIELD_NAME,
        first_tag: str = "v=1",
    ) -> bytes:
        """A DKIM-Signature field, or another of its form, without its last line end, to be put on top of the header block. `domain` in
        A-labels, `now` in epoch seconds. Pure, and reads the body once."""
        template = self._template
        hashes = BodyHashes(relaxed=template.relaxed_body)
        for piece in pieces(body):
            hashes.update(piece)
        (digest,) = hashes.digests().values()
        field = self._unsigned(f"{field_name}: {first_tag};", domain, digest, now)
        by_name = fields_by_name(header)
        signed = signed_fields(header, by_name, template.fields, relaxed=template.relaxed_header)
        last = relaxed_field(field).removesuffix(b"\r\n") if template.relaxed_header else field
        return field + folded_signature(self._key.sign(signed + last))

    def _unsigned(self, beginning: str, domain: str, body_hash: bytes, now: float) -> bytes:
        """The field up to `b=`, whose value is added when the rest is signed."""
        template = self._template
        canonical = "/".join("relaxed" if one else "simple" for one in (template.relaxed_header, template.relaxed_body))
        tags = [("a", self._key.algorithm.value), ("c", canonical), ("d", domain), ("s", template.selector)]
        tags += [("t", str(int(now)))] if template.timed else []
        tags += template.others
        lines, line = [], beginning
        names = [name.decode() for name in template.fields]
        items = [f"{name}={value};" for name, value in tags]
        items += [f"h={names[0]}", *(f":{name}" for name in names[1:])]
        items[-1] += ";"
        for item in [*items, f"bh={base64.b64encode(body_hash).decode()};"]:
            if len(line) + 1 + len(item) > _LINE_OCTETS:
                lines.append(line)
                line = "\t" + item
            else:
                line += item if item.startswith(":") else " " + item
        return "\r\n".join([*lines, line, "\tb="]).encode()


def folded_signature(signature: bytes) -> bytes:
    """The value of `b=`, on several lines."""
    value = base64.b64encode(signature)
    return b"\r\n\t".join(value[start : start + _LINE_OCTETS] for start in range(0, len(value), _LINE_OCTETS))
