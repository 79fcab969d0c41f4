"""Reads PROXY headers, versions 1 and 2 (HAProxy's "The PROXY protocol", sections 2.1 to 2.3).

Feed the reader until it gives a header; the octets after it belong to the client. A header is never guessed: octets that
are not exactly one are a `BadProxyHeader`, after which the connection cannot be used. Work and memory are bounded by 107
octets for version 1 and by 16 + 65,535 for version 2.
"""

import re
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address

from compostela.base.errors import CompostelaError

MAX_V1_BYTES = 107
"""The longest line of version 1, with its CRLF."""
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16
_V1_START = b"PROXY "
_V1 = re.compile(
    rb"PROXY (TCP4|TCP6) ([0-9A-Fa-f:.]{2,39}) ([0-9A-Fa-f:.]{2,39}) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n"
)
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")
_LOCAL, _PROXY = 0, 1
_STREAM = 1
_ADDRESS_BYTES = {0: 0, 1: 12, 2: 36, 3: 216}
"""By address family: unspecified, IPv4, IPv6, UNIX."""
_CRC32C = 0x03
_POLYNOMIAL = 0x82F63B78


class BadProxyHeader(CompostelaError):
    """What came is no PROXY header; the text is for the log."""


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What the header says of the client. None: nothing that can be used (UNKNOWN, LOCAL, a family without addresses); then
    the connection's own peer is the client."""

    address: str | None
    port: int = 0


_NOBODY = ProxyHeader(None)


class ProxyHeaderReader:
    """One connection's header."""

    __slots__ = ("_buffer", "_needed")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._needed = 0

    def receive(self, octets: bytes) -> tuple[ProxyHeader, bytes] | None:
        """The header and the octets after it, once it is complete. Raises `BadProxyHeader`."""
        self._buffer += octets
        if len(self._buffer) < self._needed:
            return None
        start = bytes(self._buffer[:_FIXED])
        if start.startswith(_SIGNATURE):
            return self._version_2(start)
        if start.startswith(_V1_START):
            return self._version_1()
        if _SIGNATURE.startswith(start) or _V1_START.startswith(start):
            return None
        raise BadProxyHeader("the connection does not begin with a PROXY header")

    def _version_1(self) -> tuple[ProxyHeader, bytes] | None:
        end = self._buffer.find(b"\n", 0, MAX_V1_BYTES)
        if end < 0:
            if len(self._buffer) >= MAX_V1_BYTES:
                raise BadProxyHeader("a header of version 1 is too long")
            return None
        line = bytes(self._buffer[: end + 1])
        return _read_version_1(line), bytes(self._buffer[end + 1 :])

    def _version_2(self, start: bytes) -> tuple[ProxyHeader, bytes] | None:
        if len(start) < _FIXED:
            self._needed = _FIXED
            return None
        if start[12] >> 4 != 2:
            raise BadProxyHeader("the header's version is unknown")
        size = _FIXED + int.from_bytes(start[14:16], "big")
        if len(self._buffer) < size:
            self._needed = size
            return None
        return _read_version_2(bytes(self._buffer[:size])), bytes(self._buffer[size:])


def _read_version_1(line: bytes) -> ProxyHeader:
    if _V1_UNKNOWN.fullmatch(line):
        return _NOBODY
    found = _V1.fullmatch(line)
    if found is None:
        raise BadProxyHeader("a header of version 1 is malformed")
    family = IPv4Address if found[1] == b"TCP4" else IPv6Address
    try:
        source = family(found[2].decode())
        family(found[3].decode())
    except ValueError as wrong:
        raise BadProxyHeader("an address of the header is malformed") from wrong
    if max(int(found[4]), int(found[5])) > 65535:
        raise BadProxyHeader("a port of the header is malformed")
    return ProxyHeader(_text(source), int(found[4]))


def _read_version_2(header: bytes) -> ProxyHeader:
    command, family, transport = header[12] & 0x0F, header[13] >> 4, header[13] & 0x0F
    if command not in (_LOCAL, _PROXY):
        raise BadProxyHeader("the header's command is unknown")
    if command == _LOCAL:
        # section 2.2: the family and the addresses of a LOCAL header are to be skipped, whatever they are
        return _NOBODY
    if family not in _ADDRESS_BYTES or transport > _STREAM or (transport == 0) != (family == 0):
        raise BadProxyHeader("the header's address family or transport cannot be that of this connection")
    end = _FIXED + _ADDRESS_BYTES[family]
    if len(header) < end:
        raise BadProxyHeader("the header is too short for its addresses")
    if family:
        _check_fields(header, end)
    if family == 1:
        return ProxyHeader(_text(IPv4Address(header[16:20])), int.from_bytes(header[24:26], "big"))
    if family == 2:
        return ProxyHeader(_text(IPv6Address(header[16:32])), int.from_bytes(header[48:50], "big"))
    return _NOBODY


def _check_fields(header: bytes, at: int) -> None:
    """Skips the type-length-value fields; the checksum, when there, must be right (section 2.2.3)."""
    while at < len(header):
        value = at + 3
        after = value + int.from_bytes(header[at + 1 : value], "big")
        if after > len(header) or value > len(header):
            raise BadProxyHeader("a field of the header is longer than the header")
        if header[at] == _CRC32C:
            blank = header[:value] + bytes(after - value) + header[after:]
            if after - value != 4 or _crc32c(blank) != int.from_bytes(header[value:after], "big"):
                raise BadProxyHeader("the header's checksum is wrong")
            # a second one cannot be right beside it, and must not cost as much again
            return
        at = after


@cache
def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        for _ in range(8):
            row = row >> 1 ^ (_POLYNOMIAL if row & 1 else 0)
        rows.append(row)
    return tuple(rows)


def _crc32c(octets: bytes) -> int:
    """Castagnoli's checksum (RFC 4960 appendix B), as version 2 uses it."""
    table, value = _table(), 0xFFFFFFFF
    for octet in octets:
        value = table[(value ^ octet) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF


def _text(address: IPv4Address | IPv6Address) -> str:
    """The text of an address; an IPv4-mapped IPv6 address as IPv4, for lists of networks and limits."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
