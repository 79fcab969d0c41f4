"""Content made to fit a next hop: 7 bit for one without 8BITMIME (RFC 6152 §3), and no line longer than every server takes
(RFC 5321 §4.5.3.1.6).

Only those leaves of the MIME structure that do not fit are encoded, text as quoted-printable and all else as base64. Header fields
stay as they are, and so do lines too long where they cannot be mended: most servers take them.
"""

import base64
import quopri
import re
from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.mime.headers import Headers, add_last, fields, header_end, remove
from compostela.mime.lines import with_crlf
from compostela.mime.parameters import get, parse

MAX_LINE = 998
"""Octets of a line, without its end."""
MAX_DEPTH = 30
_PLAIN = frozenset({b"7bit", b"8bit", b"binary"})
_LINE_END = re.compile(rb"\r?\n\Z")
Fits = Callable[[bytes], bool]


class CannotConvert(InvalidArgument):
    """The content must not be changed, or what it says of itself is not true."""


@dataclass(frozen=True, slots=True)
class _Entity:
    """A message or a part of one."""

    header: bytes
    body: bytes


def has_long_line(data: bytes) -> bool:
    """Looks at no more than one octet in a line's length."""
    position = 0
    while len(data) - position > MAX_LINE:
        end = data.rfind(b"\n", position, position + MAX_LINE + 2)
        if end < 0:
            return True
        position = end + 1
    return False


def fits_eight_bit(data: bytes) -> bool:
    return not has_long_line(data)


def fits_seven_bit(data: bytes) -> bool:
    return data.isascii() and not has_long_line(data)


def converted(header: bytes, body: bytes, fits: Fits) -> tuple[bytes, bytes]:
    """The message with a body that fits. Raises `CannotConvert`."""
    if fits(body):
        return header, body
    made = _message(_Entity(header, body), fits, 0)
    return made.header, made.body


def _message(entity: _Entity, fits: Fits, depth: int) -> _Entity:
    made = _convert(entity, fits, b"text/plain", depth)
    if made is entity or b"MIME-Version" in Headers(made.header):
        return made
    return _Entity(add_last(made.header, b"MIME-Version: 1.0"), made.body)


def _convert(entity: _Entity, fits: Fits, default_kind: bytes, depth: int) -> _Entity:
    if fits(entity.body):
        return entity
    try:
        return _encoded(_with_empty_line(entity), fits, default_kind, depth)
    except CannotConvert:
        if entity.body.isascii():
            return entity
        raise


def _encoded(entity: _Entity, fits: Fits, default_kind: bytes, depth: int) -> _Entity:
    headers = Headers(entity.header)
    declared = headers.get(b"Content-Type")
    kind, parameters = parse(declared or default_kind)
    kind = kind.lower()
    encoding = parse(headers.get(b"Content-Transfer-Encoding") or b"7bit")[0].lower()
    if encoding not in _PLAIN or depth > MAX_DEPTH:
        raise CannotConvert("what is declared as encoded is not")
    if kind == b"multipart/signed":
        raise CannotConvert("a signature covers the octets as they are")
    if kind.startswith(b"multipart/"):
        body = _multipart(entity.body, get(parameters, b"boundary"), fits, kind, depth)
        return _Entity(_relabelled(entity.header, body), body)
    if kind == b"message/rfc822":
        inner = _message(_split(entity.body), fits, depth + 1)
        body = inner.header + inner.body
        return _Entity(_relabelled(entity.header, body), body)
    if kind.startswith(b"message/") and not kind.startswith(b"message/global"):
        raise CannotConvert("a message within is of a kind that takes no encoding (RFC 2046 §5.2)")
    return _leaf(entity, kind, declared is not None)


def _with_empty_line(entity: _Entity) -> _Entity:
    """Add the empty line after the header if it is missing: the body's first line may look like a field once it is encoded. Raises
    `CannotConvert` for a header with a line that is no field, since readers disagree on where the body begins then."""
    end = 0
    for field in fields(entity.header):
        if field.start != end:
            break
        end = field.end
    match entity.header[end:]:
        case b"\r\n" | b"\n":
            return entity
        case b"":
            return _Entity(entity.header + b"\r\n", entity.body)
    raise CannotConvert("a header with lines that are no fields")


def _leaf(entity: _Entity, kind: bytes, is_declared: bool) -> _Entity:
    encoding, body = _as_text(entity.body) if kind.startswith(b"text/") else _as_octets(entity.body)
    lines = [b"Content-Transfer-Encoding: " + encoding]
    if not is_declared and not entity.body.isascii():
        lines.insert(0, b"Content-Type: text/plain; charset=" + _charset_of(entity.body))
    return _Entity(add_last(remove(entity.header, [b"content-transfer-encoding"]), *lines), body)


def _as_text(body: bytes) -> tuple[bytes, bytes]:
    quoted = quopri.encodestring(with_crlf(body).replace(b"\r\n", b"\n"))
    if b"=\n--" in quoted:
        # where a line was broken one begins that might be a delimiter of the multipart around
        return _as_octets(body)
    return b"quoted-printable", with_crlf(quoted)


def _as_octets(body: bytes) -> tuple[bytes, bytes]:
    return b"base64", with_crlf(base64.encodebytes(body))


def _charset_of(body: bytes) -> bytes:
    try:
        body.decode()
    except UnicodeDecodeError:
        return b"unknown-8bit"  # RFC 1428 §3
    return b"utf-8"


def _multipart(body: bytes, boundary: bytes | None, fits: Fits, kind: bytes, depth: int) -> bytes:
    if not boundary:
        raise CannotConvert("a multipart without a boundary")
    default_kind = b"message/rfc822" if kind == b"multipart/digest" else b"text/plain"
    out: list[bytes] = []
    position, in_part, parts = 0, False, 0
    for match in re.finditer(rb"^--%b(--)?[ \t]*(?:\r?\n|\Z)" % re.escape(boundary), body, re.MULTILINE):
        out += (_between(body[position : match.start()], in_part, fits, default_kind, depth), match.group())
        position, in_part = match.end(), match.group(1) is None
        if not in_part:
            break
        parts += 1
    if not parts:
        raise CannotConvert("a multipart without a part")
    out.append(_between(body[position:], in_part, fits, default_kind, depth))
    return b"".join(out)


def _between(octets: bytes, in_part: bool, fits: Fits, default_kind: bytes, depth: int) -> bytes:
    """Convert a part, with the line end that belongs to its delimiter. Text before the first part and after the last is dropped, since
    no reader shows it."""
    if fits(octets):
        return octets
    if not in_part:
        return b""
    end = _LINE_END.search(octets)
    content = octets[: end.start()] if end else octets
    made = _convert(_split(content), fits, default_kind, depth + 1)
    return made.header + made.body + (end.group() if end else b"")


def _split(octets: bytes) -> _Entity:
    end = header_end(octets)
    return _Entity(octets[:end], octets[end:])


def _relabelled(header: bytes, body: bytes) -> bytes:
    """What was binary or 8 bit may be so no more."""
    if b"Content-Transfer-Encoding" not in Headers(header):
        return header
    label = b"7bit" if body.isascii() else b"8bit"
    return add_last(remove(header, [b"content-transfer-encoding"]), b"Content-Transfer-Encoding: " + label)
