"""Which fields of a header block are signed, and as what (RFC 6376 §3.7, §5.4.2)."""

from collections.abc import Iterable, Mapping

from compostela.mailauth.dkim.canonical import relaxed_field, without_signature
from compostela.mime.headers import Field, fields

SIGNATURE_FIELD = b"dkim-signature"


def fields_by_name(header: bytes) -> dict[bytes, list[Field]]:
    """By names in lower case, each from the top."""
    found: dict[bytes, list[Field]] = {}
    for field in fields(header):
        found.setdefault(field.name.lower(), []).append(field)
    return found


def signed_fields(
    header: bytes,
    by_name: Mapping[bytes, list[Field]],
    names: Iterable[bytes],
    *,
    relaxed: bool,
    own: Field | None = None,
) -> bytes:
    """The fields of h= in its order, repeated ones from the bottom, those that are not there as nothing. `own` is the signature
    itself, which does not count among the fields of its name."""
    left = {name: [field for field in by_name.get(name, ()) if field is not own] for name in set(names)}
    octets = [_octets(header, left[name].pop()) for name in names if left[name]]
    return b"".join(map(relaxed_field, octets) if relaxed else octets)


def signed_octets(
    header: bytes, by_name: Mapping[bytes, list[Field]], own: Field, names: Iterable[bytes], *, relaxed: bool
) -> bytes:
    """What a signature signs (§3.7): the fields of h=, then the signature's own field without its value and without its line end."""
    signed = signed_fields(header, by_name, names, relaxed=relaxed, own=own)
    field = without_signature(_octets(header, own))
    return signed + (relaxed_field(field) if relaxed else field).removesuffix(b"\r\n")


def _octets(header: bytes, field: Field) -> bytes:
    return header[field.start : field.end]
