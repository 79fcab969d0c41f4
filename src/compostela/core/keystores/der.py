"""Just enough DER to look into key stores: one element at a time, never beyond the octets that are there."""

from typing import NamedTuple

INTEGER = 0x02
OCTET_STRING = 0x04
OBJECT_IDENTIFIER = 0x06
SEQUENCE = 0x30
CONTEXT_0 = 0xA0

_MAX_LENGTH_OCTETS = 4


class DerError(ValueError):
    """These octets are not what they should be."""


class Element(NamedTuple):
    """One element: its tag and its content; `rest` is what follows it."""

    tag: int
    content: bytes
    rest: bytes


def read(data: bytes) -> Element:
    """The first element. Raises `DerError`; indefinite lengths and tags of several octets are no DER of key stores."""
    if len(data) < 2 or data[0] & 0x1F == 0x1F:
        raise DerError("no DER element")
    length, start = data[1], 2
    if length & 0x80:
        octets = length & 0x7F
        if not 0 < octets <= _MAX_LENGTH_OCTETS or len(data) < 2 + octets:
            raise DerError("a length that is not DER")
        start += octets
        length = int.from_bytes(data[2:start], "big")
    if length > len(data) - start:
        raise DerError("an element that is cut off")
    return Element(data[0], data[start : start + length], data[start + length :])


def expect(data: bytes, tag: int) -> Element:
    """The first element, which must have this tag. Raises `DerError`."""
    element = read(data)
    if element.tag != tag:
        raise DerError(f"tag {element.tag:#x} where {tag:#x} should be")
    return element
