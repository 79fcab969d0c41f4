"""PROXY headers: both versions, every split, nothing that is not exactly one."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compostela.protocols.proxy.header import BadProxyHeader, ProxyHeader, ProxyHeaderReader, _crc32c

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
IPV4 = bytes([192, 0, 2, 1, 10, 0, 0, 1]) + struct.pack(">HH", 4711, 25)
IPV6 = bytes.fromhex("20010db8" + "00" * 11 + "01" + "00" * 15 + "01") + struct.pack(">HH", 4711, 25)
MAPPED = bytes.fromhex("00" * 10 + "ffff" + "c0000201") + bytes(16) + struct.pack(">HH", 1, 2)


def version_2(rest: bytes, *, command: int = 0x21, family: int = 0x11, size: int | None = None) -> bytes:
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(rest) if size is None else size) + rest


def with_checksum(addresses: bytes, wrong: int = 0) -> bytes:
    blank = version_2(addresses + b"\x02\x00\x03abc" + b"\x03\x00\x04" + bytes(4))
    return blank[:-4] + struct.pack(">I", _crc32c(blank) ^ wrong)


GOOD = {
    b"PROXY TCP4 192.0.2.1 10.0.0.1 4711 25\r\n": ProxyHeader("192.0.2.1", 4711),
    b"PROXY TCP6 2001:db8::1 ::1 4711 25\r\n": ProxyHeader("2001:db8::1", 4711),
    b"PROXY TCP6 ::ffff:192.0.2.1 ::1 65535 0\r\n": ProxyHeader("192.0.2.1", 65535),
    b"PROXY UNKNOWN\r\n": ProxyHeader(None),
    b"PROXY UNKNOWN ffff:f:f 1 65535 whatever\r\n": ProxyHeader(None),
    version_2(IPV4): ProxyHeader("192.0.2.1", 4711),
    version_2(IPV6, family=0x21): ProxyHeader("2001:db8::1", 4711),
    version_2(MAPPED, family=0x21): ProxyHeader("192.0.2.1", 1),
    version_2(b"", command=0x20, family=0): ProxyHeader(None),
    version_2(IPV4, command=0x20): ProxyHeader(None),
    version_2(b"\x20\x00\x01x", command=0x20, family=0x55): ProxyHeader(None),
    version_2(b"", family=0): ProxyHeader(None),
    version_2(b"anything", family=0): ProxyHeader(None),
    version_2(bytes(216), family=0x31): ProxyHeader(None),
    version_2(IPV4 + b"\x01\x00\x02h2\xea\x00\x00"): ProxyHeader("192.0.2.1", 4711),
    version_2(IPV4 + b"\x04" + struct.pack(">H", 60000) + bytes(60000)): ProxyHeader("192.0.2.1", 4711),
    with_checksum(IPV4): ProxyHeader("192.0.2.1", 4711),
}
BAD = [
    b"EHLO client.example\r\n",
    b"PROXY  TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n",
    b"PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n",
    b"PROXY UDP4 192.0.2.1 10.0.0.1 1 2\r\n",
    b"proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n",
    b"PROXY UNKNOWN" + b" x" * 60 + b"\r\n",
    b"PROXY UNKNOWN" + b"x" * 200,
    version_2(IPV4, command=0x11),
    version_2(IPV4, command=0x22),
    version_2(IPV4, family=0x12),
    version_2(IPV4, family=0x41),
    version_2(IPV4, family=0x10),
    version_2(IPV4, family=0x21),
    version_2(IPV4[:11]),
    version_2(IPV4 + b"\x04\x00"),
    version_2(IPV4 + b"\x04\x00\x09short"),
    with_checksum(IPV4, wrong=1),
    version_2(IPV4 + b"\x03\x00\x02ab"),
    SIGNATURE[:11] + b"X",
]


@pytest.mark.parametrize("octets", GOOD, ids=range(len(GOOD)))
def test_a_header_gives_the_client_and_leaves_the_rest(octets: bytes) -> None:
    assert ProxyHeaderReader().receive(octets + b"EHLO x\r\n") == (GOOD[octets], b"EHLO x\r\n")


@pytest.mark.parametrize("octets", BAD, ids=range(len(BAD)))
def test_anything_else_is_refused(octets: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        ProxyHeaderReader().receive(octets)


def test_a_header_comes_in_single_octets_too() -> None:
    for octets, header in GOOD.items():
        reader = ProxyHeaderReader()
        found = [reader.receive(bytes([octet])) for octet in octets]
        assert found[-1] == (header, b"")
        assert not any(found[:-1])


def test_the_checksum_is_castagnolis() -> None:
    # the check value of the catalogue of parametrised CRC algorithms
    assert _crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=300), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_no_octets_raise_anything_else(octets: bytes, start: bytes) -> None:
    try:
        ProxyHeaderReader().receive(start + octets)
    except BadProxyHeader:
        pass
