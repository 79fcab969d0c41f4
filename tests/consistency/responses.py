"""Reading IMAP responses strictly enough to judge them: a response is a list of atoms, strings and lists (RFC 3501 §9)."""

import asyncio
from typing import TypeAlias

Value: TypeAlias = "str | bytes | list[Value] | None"
"""An atom or number as str, a string as bytes, NIL as None."""


class Broken(AssertionError):
    """The server said what it must not say."""


async def read_response(reader: asyncio.StreamReader) -> bytes:
    """One response with its literals, without the CRLF at its end."""
    whole = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        whole += line
        if not line.endswith(b"}\r\n"):
            return whole[:-2]
        whole += await reader.readexactly(int(line[line.rindex(b"{") + 1 : -3]))


def parse(response: bytes) -> list[Value]:
    """The values of a response whose rest is not free text."""
    values, end = _list(response, 0, None)
    if end != len(response):
        raise Broken(f"something after the end: {response!r}")
    return values


def _list(data: bytes, at: int, close: int | None) -> tuple[list[Value], int]:
    values: list[Value] = []
    while at < len(data):
        octet = data[at]
        if octet == close:
            return values, at + 1
        if octet == 0x20:
            at += 1
            continue
        value, at = _value(data, at)
        values.append(value)
    if close is not None:
        raise Broken(f"a list without an end: {data!r}")
    return values, at


def _value(data: bytes, at: int) -> tuple[Value, int]:
    octet = data[at : at + 1]
    if octet == b"(":
        return _list(data, at + 1, 0x29)
    if octet == b'"':
        text = bytearray()
        at += 1
        while data[at : at + 1] != b'"':
            if data[at : at + 1] == b"\\":
                at += 1
            text += data[at : at + 1]
            at += 1
            if at >= len(data):
                raise Broken(f"a string without an end: {data!r}")
        return bytes(text), at + 1
    if octet == b"{":
        close = data.index(b"}", at)
        start = close + 3
        end = start + int(data[at + 1 : close])
        return data[start:end], end
    end, depth = at, 0
    # an atom may hold a section: BODY[HEADER.FIELDS (X-ID)]
    while end < len(data) and (depth or data[end] not in b" ()"):
        depth += {0x5B: 1, 0x5D: -1}.get(data[end], 0)
        end += 1
    if end == at:
        raise Broken(f"nothing at {at}: {data!r}")
    atom = data[at:end].decode("ascii")
    return (None if atom == "NIL" else atom), end
