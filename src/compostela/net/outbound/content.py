"""A message on its way out: what it holds, as lines, and as 7 bit text."""

import quopri
from collections.abc import AsyncIterator
from dataclasses import dataclass

from compostela.core.blob.model import MessageContent
from compostela.mime.headers import Headers, add_last, remove
from compostela.mime.lines import has_bare_line_ends, stuffed, with_crlf


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how a message can be sent."""

    is_ascii: bool
    has_nul: bool
    has_bare_line_ends: bool


async def shape_of(content: MessageContent) -> Shape:
    """One look at all octets, in bounded pieces."""
    is_ascii = content.header.isascii()
    has_nul = b"\x00" in content.header
    bare = False
    held = b""
    async for chunk in content.body.chunks():
        is_ascii = is_ascii and chunk.isascii()
        has_nul = has_nul or b"\x00" in chunk
        if not bare:
            data = held + chunk if held else chunk
            held = b"\r" if data.endswith(b"\r") else b""
            bare = has_bare_line_ends(data[:-1] if held else data)
    return Shape(is_ascii, has_nul, bare or bool(held))


def stuffed_chunk(last: bytes, chunk: bytes) -> bytes:
    """Dots stuffed, given the last two octets before the chunk."""
    if last in (b"", b"\r\n"):
        return stuffed(chunk)
    body = chunk.replace(b"\n.", b"\n..")
    return b"." + body if last.endswith(b"\n") and chunk.startswith(b".") else body


async def message_lines(header: bytes, content: MessageContent, converted: bytes | None) -> AsyncIterator[bytes]:
    """The message in pieces, every line end as CRLF: what leaves never holds a bare CR or LF."""
    yield with_crlf(header)
    if converted is not None:
        yield converted
        return
    held = b""
    async for chunk in content.body.chunks():
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""
        yield with_crlf(data[:-1] if held else data)
    if held:
        yield b"\r\n"


async def seven_bit(content: MessageContent) -> tuple[bytes, bytes | None]:
    """For a peer without 8BITMIME: a text of one part is encoded; anything else that is not ASCII goes as it is, as every
    server of today takes it."""
    headers = Headers(content.header)
    kind = (headers.get(b"Content-Type") or b"text/plain").lower()
    if not kind.startswith(b"text/") or headers.get(b"Content-Transfer-Encoding") not in (None, b"8bit", b"8BIT"):
        return content.header, None
    body = await content.body.read()
    if body.isascii():
        return content.header, None
    encoded = with_crlf(quopri.encodestring(body.replace(b"\r\n", b"\n")))
    block = remove(content.header, [b"content-transfer-encoding"])
    return add_last(block, b"Content-Transfer-Encoding: quoted-printable"), encoded
