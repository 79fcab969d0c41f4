"""Text of parts, for searching: transfer encodings and charsets undone, tolerant."""

import base64
import binascii
import html
import re

from compostela.mime.charsets import decode_tolerant

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_PADDED_BREAK = re.compile(rb"=[ \t]+(?=\r?\n)")
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{1000,};?")
_TAG = re.compile(r"<[^<>]*>")


def decoded_octets(data: bytes, encoding: bytes) -> bytes:
    """Without the transfer encoding; what is broken is decoded as far as it goes."""
    if encoding == b"base64":
        # padding ends a piece, not the part: pieces are encoded one by one and put together
        return b"".join(map(_from_base64, _NOT_BASE64.sub(b"", data).split(b"=")))
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(_PADDED_BREAK.sub(b"=", data))
    return data


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
