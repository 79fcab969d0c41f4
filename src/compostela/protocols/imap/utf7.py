"""Modified UTF-7, in which mailbox names travel (RFC 3501 §5.1.3)."""

import base64
import binascii
import re

from compostela.base.errors import InvalidArgument

_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+|&")
_WRONG = "a mailbox name is modified UTF-7"


def decode(name: bytes) -> str:
    """Raises `InvalidArgument`. Names in UTF-8, which some clients send, and a lone `&` are taken too."""
    try:
        return (_SHIFTED.sub(_decoded, name) if b"&" in name else name).decode()
    except (UnicodeDecodeError, binascii.Error):
        raise InvalidArgument(_WRONG) from None


def _decoded(match: re.Match[bytes]) -> bytes:
    shifted = match.group(1)
    if not shifted:
        return b"&"
    data = base64.b64decode(shifted.replace(b",", b"/") + b"=" * (-len(shifted) % 4), validate=True)
    return data.decode("utf-16-be").encode()


def encode(name: str) -> bytes:
    """A lone surrogate, which no name that was decoded has, becomes U+FFFD."""
    if name.isascii() and name.isprintable() and "&" not in name:
        return name.encode()
    return _UNPRINTABLE.sub(_encoded, name).encode()


def _encoded(match: re.Match[str]) -> str:
    text = match.group()
    if text == "&":
        return "&-"
    octets = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace").encode("utf-16-be")
    return f"&{base64.b64encode(octets).rstrip(b'=').replace(b'/', b',').decode()}-"
