"""Text of parts, for searching: transfer encodings and charsets undone, tolerant."""

import base64
import binascii
import contextlib
import html
import re

from compostela.mime.charsets import decode_tolerant

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_PADDED_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{1000,};?")
UUENCODED = frozenset({b"x-uuencode", b"uuencode", b"x-uue", b"uue"})
_TAG = re.compile(r"<[^<>]*>")


def decoded_octets(data: bytes, encoding: bytes) -> bytes:
    """Without the transfer encoding; what is broken is decoded as far as it goes."""
    if encoding == b"base64":
        # padding ends a piece, not the part: pieces are encoded one by one and put together
        return b"".join(map(_from_base64, _NOT_BASE64.sub(b"", data).split(b"=")))
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(_PADDED_BREAK.sub(b"=", data))
    if encoding in UUENCODED:
        return _from_uuencode(data)
    return data


def _from_uuencode(data: bytes) -> bytes:
    """The lines between `begin` and `end` (POSIX uuencode); of a line that is broken what its count and its octets give."""
    lines = data.splitlines()
    first = next((number for number, line in enumerate(lines, start=1) if line.startswith(b"begin ")), 0)
    out: list[bytes] = []
    for line in lines[first:]:
        if line.rstrip() == b"end":
            break
        with contextlib.suppress(binascii.Error):
            out.append(_uudecoded(line))
    return b"".join(out)


def _uudecoded(line: bytes) -> bytes:
    """Some software pads a line with octets that its count does not cover: they are dropped."""
    count = (line[0] - 32) & 63 if line else 0
    return binascii.a2b_uu(line[: (count * 4 + 5) // 3])


def _from_base64(piece: bytes) -> bytes:
    return base64.b64decode(piece[: len(piece) - (len(piece) % 4 == 1)] + b"=" * (-len(piece) % 4)) if piece else b""


def decoded_text(data: bytes, encoding: bytes, charset: bytes | None) -> str:
    """As text; without a known charset as UTF-8 and, where it is not, windows-1252."""
    return decode_tolerant(decoded_octets(data, encoding), (charset or b"").decode("ascii", "replace"))


def unescaped(source: str) -> str:
    """HTML's character references as the characters. Never raises: the library would stumble over a number of
    thousands of digits, which no character has."""
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", source))


def html_text(source: str) -> str:
    """What a reader of the page would see, roughly."""
    return unescaped(_TAG.sub(" ", _HIDDEN.sub(" ", source)))
