"""Strings of a script: encoded characters (RFC 5228 §2.4.2.4) and references to variables (RFC 5229 §3)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument

_ENCODED = re.compile(r"\$\{(hex|unicode):([ \t\r\n0-9A-Fa-f]*)\}", re.IGNORECASE)
_HEX_PAIR = re.compile(r"[0-9A-Fa-f]{1,2}")
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_0-9]+)*|[0-9]+)\}")
VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def decode_encoded_characters(text: str) -> str:
    """Octets as `${hex:}` must be UTF-8 together; what is no encoded character stays. Raises `InvalidArgument` for a number
    that is no Unicode character."""
    if "${" not in text:
        return text
    octets = bytearray()
    end = 0
    for found in _ENCODED.finditer(text):
        decoded = _decoded(found.group(1).lower(), found.group(2).split())
        if decoded is None:
            continue
        octets += text[end : found.start()].encode() + decoded
        end = found.end()
    octets += text[end:].encode()
    return octets.decode("utf-8", "replace")


def _decoded(kind: str, numbers: list[str]) -> bytes | None:
    if not numbers:
        return None
    if kind == "hex":
        if not all(_HEX_PAIR.fullmatch(number) for number in numbers):
            return None
        return bytes(int(number, 16) for number in numbers)
    out = ""
    for number in numbers:
        code = int(number.lstrip("0")[:9] or "0", 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise InvalidArgument(f"{number} is no Unicode character")
        out += chr(code)
    return out.encode()


@dataclass(frozen=True, slots=True)
class Reference:
    """A variable `${name}`, in lower case with its namespace (`global.name`), or a match variable `${1}` as its number."""

    name: str | int


Pieces = tuple[str | Reference, ...]


def pieces(text: str) -> Pieces:
    """Literal text and references, in order."""
    found: list[str | Reference] = []
    end = 0
    for match in _REFERENCE.finditer(text):
        if match.start() > end:
            found.append(text[end : match.start()])
        name = match.group(1)
        found.append(Reference(int(name[-4:]) if name.isdigit() else name.lower()))
        end = match.end()
    if end < len(text):
        found.append(text[end:])
    return tuple(found)


def namespaces(text: str) -> Iterator[str]:
    """The namespace of each reference that has one."""
    for piece in pieces(text):
        if isinstance(piece, Reference) and isinstance(piece.name, str) and "." in piece.name:
            yield piece.name.rpartition(".")[0]
