"""xtext: any text in printable ASCII without `+`, `=` and blanks (RFC 3461 §4), and its like for UTF-8 addresses, utf-8-addr-xtext
and utf-8-addr-unitext (RFC 6533 §3)."""

import re

from compostela.base.errors import InvalidArgument

_XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
_HEX = re.compile(r"\+([0-9A-F]{2})")
_SPECIAL = re.compile(r"[^!-*,-<>-~]")
_UNITEXT = re.compile(r"(?:[^\x00-\x20+=\\\x7f]|\\x\{[0-9A-F]{2,6}\})+")
_POINT = re.compile(r"\\x\{([0-9A-F]{2,6})\}")
_OUTSIDE = re.compile(r"[^!-*,-<>-\[\]-~]")
MAX_POINT = 0x10FFFF


def is_xtext(text: str) -> bool:
    return _XTEXT.fullmatch(text) is not None


def decode(text: str) -> str:
    """Raises `InvalidArgument` for what is no xtext."""
    if not is_xtext(text):
        raise InvalidArgument(f"{text[:64]!r} is no xtext")
    return _HEX.sub(lambda match: chr(int(match.group(1), 16)), text)


def encode(text: str) -> str:
    """The text, whose characters must be ASCII, as xtext."""
    return _SPECIAL.sub(lambda match: f"+{ord(match.group()):02X}", text)


def decode_utf8_address(text: str) -> str:
    """A utf-8-addr-xtext or utf-8-addr-unitext. Raises `InvalidArgument`."""
    if not _UNITEXT.fullmatch(text):
        raise InvalidArgument(f"{text[:64]!r} is no address of the type utf-8")
    points = [int(point, 16) for point in _POINT.findall(text)]
    if any(point > MAX_POINT or 0xD800 <= point < 0xE000 for point in points):
        raise InvalidArgument(f"{text[:64]!r} names no character")
    return _POINT.sub(lambda match: chr(int(match.group(1), 16)), text)


def encode_utf8_address(address: str) -> str:
    """utf-8-addr-xtext: everything outside of ASCII, and what xtext must not hold, as `\\x{…}`."""
    return _OUTSIDE.sub(lambda match: f"\\x{{{ord(match.group()):02X}}}", address)
