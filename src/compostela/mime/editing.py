"""Changing parts of a message: what is not changed keeps its octets, signed and encrypted parts, and messages inside, are left alone."""

import quopri
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from compostela.base.ids import new_id
from compostela.mime.conversion import fits_seven_bit
from compostela.mime.headers import add_last, remove, remove_where
from compostela.mime.lines import with_crlf
from compostela.mime.parameters import Parameters, get
from compostela.mime.structure import Part
from compostela.mime.text import decoded_text

_LABELS = (b"content-type", b"content-transfer-encoding", b"content-md5")


class Change(NamedTuple):
    """A new header block and body for a part; both None remove the part with the delimiter before it."""

    part: Part
    header: bytes | None
    body: bytes | None


def editable(part: Part) -> Iterator[Part]:
    """The leaves that may be changed, in order."""
    if part.is_multipart:
        if part.subtype not in (b"signed", b"encrypted"):
            for child in part.children:
                yield from editable(child)
    elif not part.is_message:
        yield part


def header_of(part: Part, root_header: bytes, body: bytes) -> bytes:
    """The part's header block; the root's is the message's."""
    return body[slice(*part.header)] if part.header != (0, 0) or part.body[0] else root_header


def text_of(part: Part, body: bytes) -> str:
    """The decoded text of a leaf."""
    return decoded_text(body[slice(*part.body)], part.encoding, get(part.parameters, b"charset"))


def with_text(part: Part, header: bytes, text: str, charset: str = "", parameters: Parameters | None = None) -> Change:
    """The leaf with another text, in `charset` or its own if that has all characters, else in UTF-8. `parameters` take the place
    of those of its Content-Type."""
    wanted = charset or (get(part.parameters, b"charset") or b"us-ascii").decode("ascii", "replace")
    try:
        octets, used = text.encode(wanted), wanted
    except (LookupError, UnicodeError):
        octets, used = text.encode("utf-8", "replace"), "utf-8"
    octets = with_crlf(octets)
    encoding = b"7bit"
    if not fits_seven_bit(octets):
        encoding = b"quoted-printable"
        octets = with_crlf(quopri.encodestring(octets.replace(b"\r\n", b"\n")))
    kind = content_type(
        part.type + b"/" + part.subtype, part.parameters if parameters is None else parameters, charset=used.encode()
    )
    lines = [b"Content-Type: " + kind, b"Content-Transfer-Encoding: " + encoding]
    return Change(part, add_last(remove(header, _LABELS) or b"\r\n", *lines), octets)


def content_type(kind: bytes, parameters: Parameters, **replaced: bytes) -> bytes:
    """A Content-Type value, folded before each parameter."""
    kept = [(name, value) for name, value in parameters if name.rstrip(b"*").decode("ascii", "replace") not in replaced]
    values = [*kept, *((name.encode(), value) for name, value in replaced.items())]
    return kind + b"".join(b";\r\n " + name + b"=" + _value(name, value) for name, value in values)


def without_mime_fields(block: bytes) -> bytes:
    """The header block without MIME-Version and the fields that describe the content."""
    return remove_where(block, lambda name: name.lower().startswith(b"content-") or name.lower() == b"mime-version")


def as_mixed(header: bytes, body: bytes, *lines: bytes) -> tuple[bytes, bytes]:
    """The message as multipart/mixed with its content as the only part, which gets these complete fields too."""
    inner = remove_where(header, lambda name: not name.lower().startswith(b"content-"))
    if lines:
        inner = add_last(inner, *lines)
    boundary = b"=_" + new_id().encode()
    kind = content_type(b"multipart/mixed", (), boundary=boundary)
    outer = add_last(without_mime_fields(header), b"MIME-Version: 1.0", b"Content-Type: " + kind)
    return outer, b"--%b\r\n%b%b\r\n--%b--\r\n" % (boundary, inner, body, boundary)


def _value(name: bytes, value: bytes) -> bytes:
    if name.endswith(b"*") or value.replace(b"-", b"").replace(b"_", b"").isalnum():
        return value
    return b'"' + value.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def changed(header: bytes, body: bytes, changes: Sequence[Change]) -> tuple[bytes, bytes]:
    """The message with the changes made, none of which may lie in another."""
    out: list[bytes] = []
    at = 0
    for change in sorted(changes, key=lambda one: one.part.header[0]):
        start, end = change.part.header[0], change.part.body[1]
        if (start, change.part.header[1], change.part.body[0]) == (0, 0, 0):
            return change.header or header, change.body or b""
        if change.header is None or change.body is None:
            # from its delimiter to the next one
            start = max(at, body.rfind(b"\n--", at, start) + 1)
            end += 2 if body[end : end + 2] == b"\r\n" else 1
            out.append(body[at:start])
        else:
            out += [body[at:start], change.header, change.body]
        at = end
    return header, b"".join((*out, body[at:]))
