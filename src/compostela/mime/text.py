"""Text of parts, for searching: transfer encodings and charsets undone, tolerant."""

import base64
import binascii
import html
import re

from compostela.mime.charsets import decode_octets

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/=]+")
_HIDDEN = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{1000,};?")
_TAG = re.compile(r"<[^<>]*>")


def decoded_octets(data: bytes, encoding: bytes) -> bytes:
    """Without the transfer encoding; what is broken is decoded as far as it goes."""
    if encoding == b"base64":
        clean = _NOT_BASE64.sub(b"", data).partition(b"=")[0]
        try:
            return base64.b64decode(clean[: len(clean) - (len(clean) % 4 == 1)] + b"=" * (-len(clean) % 4))
        except binascii.Error:
            return b""
    if encoding == b"quoted-printable":
        return binascii.a2b_qp(data)
    return data


def decoded_text(data: bytes, encoding: bytes, charset: bytes | None) -> str:
    """As text; an unknown charset is read as UTF-8, then as Latin-1."""
    octets = decoded_octets(data, encoding)
    try:
        return decode_octets(octets, (charset or b"us-ascii").decode("ascii", "replace"))
    except (LookupError, UnicodeDecodeError, ValueError):
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return octets.decode("latin-1")


def unescaped(source: str) -> str:
    """HTML's character references as the characters. Never raises: the library would stumble over a number of
    thousands of digits, which no character has."""
    return html.unescape(_HUGE_REFERENCE.sub("\ufffd", source))


def html_text(source: str) -> str:
    """What a reader of the page would see, roughly."""
    return unescaped(_TAG.sub(" ", _HIDDEN.sub(" ", source)))
