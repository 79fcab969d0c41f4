"""BER to DER, as far as CMS needs it: Java's and streaming programs write indefinite lengths and strings in pieces (X.690 §8.1.3.6, §8.7)."""

from compostela.core.keystores.der import OCTET_STRING, DerError

MAX_DEPTH = 32
MAX_ELEMENTS = 200_000
"""A string of 64 MiB in pieces of 1 KiB has 65,536."""
_CONSTRUCTED = 0x20
_CONSTRUCTED_OCTETS = OCTET_STRING | _CONSTRUCTED


def encoded(tag: int, content: bytes) -> bytes:
    """One DER element."""
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def to_der(data: bytes) -> bytes:
    """The first element with definite lengths; octet strings in pieces are joined. DER comes back as it is. What follows the element
    is left out. Raises `DerError`, also for more than `MAX_DEPTH` levels or `MAX_ELEMENTS` elements."""
    return _Reader(data).element(0, len(data), 0)[0]


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._left = MAX_ELEMENTS

    def element(self, at: int, end: int, depth: int) -> tuple[bytes, int]:
        """The element at `at` in DER, and where it ends."""
        self._left -= 1
        if depth > MAX_DEPTH or self._left < 0:
            raise DerError("too many elements")
        if end - at < 2 or self._data[at] & 0x1F == 0x1F:
            raise DerError("no BER element")
        tag, length, start = self._data[at], self._data[at + 1], at + 2
        if length == 0x80:
            return self._indefinite(tag, start, end, depth)
        if length & 0x80:
            octets = length & 0x7F
            if octets > 4 or end - start < octets:
                raise DerError("a length that is not BER")
            length = int.from_bytes(self._data[start : start + octets], "big")
            start += octets
        stop = start + length
        if stop > end:
            raise DerError("an element that is cut off")
        if not tag & _CONSTRUCTED:
            return encoded(tag, self._data[start:stop]), stop
        children = []
        while start < stop:
            child, start = self.element(start, stop, depth + 1)
            children.append(child)
        return _joined(tag, children), stop

    def _indefinite(self, tag: int, at: int, end: int, depth: int) -> tuple[bytes, int]:
        if not tag & _CONSTRUCTED:
            raise DerError("a primitive element without length")
        children = []
        while self._data[at : at + 2] != b"\x00\x00":
            child, at = self.element(at, end, depth + 1)
            children.append(child)
        return _joined(tag, children), at + 2


def _joined(tag: int, children: list[bytes]) -> bytes:
    if tag == _CONSTRUCTED_OCTETS:
        return encoded(OCTET_STRING, joined_octets(b"".join(children)))
    return encoded(tag, b"".join(children))


def joined_octets(strings: bytes) -> bytes:
    """The contents of octet strings in DER that follow each other. Raises `DerError`."""
    pieces, at = [], 0
    while at < len(strings):
        if strings[at] != OCTET_STRING or len(strings) - at < 2:
            raise DerError("an octet string of other pieces")
        length, at = strings[at + 1], at + 2
        if length & 0x80:
            octets = length & 0x7F
            length, at = int.from_bytes(strings[at : at + octets], "big"), at + octets
        pieces.append(strings[at : at + length])
        at += length
    return b"".join(pieces)
