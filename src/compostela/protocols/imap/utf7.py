"""Modified UTF-7, in which mailbox names travel (RFC 3501 §5.1.3)."""

import base64
import binascii
import re

from compostela.base.errors import InvalidArgument

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+|&")


def decode(name: bytes) -> str:
    """Raises `InvalidArgument`. Names in UTF-8, which some clients send, are taken too."""
    if b"&" not in name:
        try:
            return name.decode()
        except UnicodeDecodeError:
            raise InvalidArgument("a mailbox name is modified UTF-7") from None
    try:
        return _SHIFTED.sub(_decoded, name).decode()
    except (UnicodeDecodeError, binascii.Error):
        raise InvalidArgument("a mailbox name is modified UTF-7") from None


def _decoded(match: re.Match[bytes]) -> bytes:
    shifted = match.group(1)
    if not shifted:
        return b"&"
    data = base64.b64decode(shifted.replace(b",", b"/") + b"=" * (-len(shifted) % 4), validate=True)
    return data.decode("utf-16-be").encode()


def encode(name: str) -> bytes:
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode()
    return _UNPRINTABLE.sub(_encoded, name).encode()


def _encoded(match: re.Match[str]) -> str:
    text = match.group()
    if text == "&":
        return "&-"
    data = base64.b64encode(text.encode("utf-16-be", "surrogatepass")).rstrip(b"=").replace(b"/", b",")
    return f"&{data.decode()}-"
