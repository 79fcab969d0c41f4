"""Values with parameters: Content-Type, Content-Disposition (RFC 2045 §5.1, RFC 2231)."""

import re
from urllib.parse import unquote_to_bytes

from compostela.mime.charsets import decode_octets

_PARAMETER = re.compile(rb';\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"?|([^;\s]*))[^;]*')
_CONTINUED = re.compile(rb"([^*]+)(?:\*(\d{1,3}))?(\*)?")
MAX_PARAMETERS = 100

Parameters = tuple[tuple[bytes, bytes], ...]


def parse(value: bytes) -> tuple[bytes, Parameters]:
    """The value before the first semicolon and the parameters, names in lower case, continuations joined and charsets
    turned into UTF-8."""
    head, semicolon, _ = value.partition(b";")
    if not semicolon:
        return _uncommented(head), ()
    plain: dict[bytes, bytes] = {}
    parts: dict[bytes, list[tuple[int, bool, bytes]]] = {}
    for number, match in enumerate(_PARAMETER.finditer(value, len(head))):
        if number >= MAX_PARAMETERS:
            break
        quoted, token = match.group(2), match.group(3)
        text = re.sub(rb"\\(.)", rb"\1", quoted) if quoted is not None else token
        name = match.group(1).lower()
        if b"*" in name and (continued := _CONTINUED.fullmatch(name)) is not None:
            base, index, encoded = continued.groups()
            parts.setdefault(base, []).append((int(index or 0), encoded is not None, text))
        else:
            plain.setdefault(name, text)
    for name, pieces in parts.items():
        plain[name] = _joined(pieces)
    return _uncommented(head), tuple(plain.items())


def _uncommented(head: bytes) -> bytes:
    return (head.partition(b"(")[0] if b"(" in head else head).strip()


def _joined(pieces: list[tuple[int, bool, bytes]]) -> bytes:
    charset = "utf-8"
    out = b""
    for position, (_, encoded, text) in enumerate(sorted(pieces, key=lambda piece: piece[0])):
        if encoded:
            if position == 0 and text.count(b"'") >= 2:
                name, _, text = text.split(b"'", 2)
                charset = name.decode("ascii", "replace") or "utf-8"
            text = unquote_to_bytes(text)
        out += text
    try:
        return decode_octets(out, charset).encode()
    except (LookupError, ValueError):
        return out


def get(parameters: Parameters, name: bytes) -> bytes | None:
    for known, value in parameters:
        if known == name:
            return value
    return None
