"""Tag lists, the form of signatures and key records (RFC 6376 §3.2)."""

import binascii
import re

_TAG = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=(.*)", re.DOTALL)
_SPACE = " \t\r\n"
_FOLDING = re.compile(r"[ \t\r\n]+")


class DkimSyntaxError(ValueError):
    """A signature or key record that cannot be used, and why."""


def parse_tags(text: str) -> dict[str, str]:
    """Values without the white space around them, in the order of the list. Raises `DkimSyntaxError` for text that is no tag and
    for a duplicate tag."""
    found: dict[str, str] = {}
    pieces = text.split(";")
    if not pieces[-1].strip(_SPACE):
        pieces.pop()
    for piece in pieces:
        tag = _TAG.fullmatch(piece)
        if tag is None:
            raise DkimSyntaxError(f"{piece.strip(_SPACE)[:40]!r} is no tag")
        name, value = tag.groups()
        if name in found:
            raise DkimSyntaxError(f"duplicate {name}=")
        found[name] = value.strip(_SPACE)
    return found


def without_space(value: str) -> str:
    return _FOLDING.sub("", value)


def parse_list(value: str) -> list[str]:
    """Items between colons."""
    return [item.strip(_SPACE) for item in value.split(":")]


def parse_base64(value: str, tag: str) -> bytes:
    """Base64 with white space anywhere (§2.10)."""
    try:
        return binascii.a2b_base64(without_space(value).encode("ascii"), strict_mode=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise DkimSyntaxError(f"{tag}= is not base64") from error
