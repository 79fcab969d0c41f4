"""A message on its way out: what it holds, as lines, and as 7 bit text."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from compostela.base.errors import CompostelaError, TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.mime.conversion import converted, fits_eight_bit, fits_seven_bit, has_long_line
from compostela.mime.lines import has_bare_line_ends, with_crlf

WRITE_BYTES = 64 * 1024
"""Pieces of a message are written together up to this size. A shorter message is one piece."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides how a message can be sent."""

    is_ascii: bool
    body_is_ascii: bool
    has_long_lines: bool
    """In its body."""
    has_nul: bool
    has_bare_line_ends: bool


class Unreadable(CompostelaError):
    """The body cannot be read, or is shorter than it should be: what has been sent of it must not be ended as a message."""


async def body_chunks(content: MessageContent) -> AsyncIterator[bytes]:
    """All octets of the body, in bounded pieces. Raises `Unreadable` at the end if any are missing."""
    size = 0
    try:
        async for chunk in content.body.chunks():
            size += len(chunk)
            yield chunk
    except TemporaryFailure as error:
        raise Unreadable(str(error)) from error
    if size != content.body.size:
        raise Unreadable(f"the body has {size} octets where {content.body.size} are expected")


async def small_body(content: MessageContent) -> bytes | None:
    """The body of a message that is written in one piece, None of a longer one. Raises `Unreadable`."""
    if content.size >= WRITE_BYTES:
        return None
    try:
        return await content.body.read()
    except TemporaryFailure as error:
        raise Unreadable(str(error)) from error


async def shape_of(content: MessageContent, body: bytes | None = None) -> Shape:
    """One look at all octets, in bounded pieces; `body` is the whole body if it is at hand. Raises `Unreadable`."""
    header = content.header
    if body is not None:
        body_is_ascii = body.isascii()
        return Shape(
            header.isascii() and body_is_ascii,
            body_is_ascii,
            has_long_line(body),
            b"\x00" in header or b"\x00" in body,
            has_bare_line_ends(body),
        )
    is_ascii, has_long_lines, bare = True, False, False
    has_nul = b"\x00" in header
    held = line = b""
    async for chunk in body_chunks(content):
        is_ascii = is_ascii and chunk.isascii()
        if not has_long_lines:
            lines = line + chunk
            line = lines[lines.rfind(b"\n") + 1 :]
            has_long_lines = has_long_line(lines)
        has_nul = has_nul or b"\x00" in chunk
        if not bare:
            data = held + chunk if held else chunk
            held = b"\r" if data.endswith(b"\r") else b""
            bare = has_bare_line_ends(data[:-1] if held else data)
    return Shape(header.isascii() and is_ascii, is_ascii, has_long_lines, has_nul, bare or bool(held))


async def message_lines(header: bytes, content: MessageContent, converted: bytes | None) -> AsyncIterator[bytes]:
    """The message in pieces, every line end as CRLF: what leaves never holds a bare CR or LF. Raises
    `Unreadable`."""
    yield with_crlf(header)
    if converted is not None:
        yield converted
        return
    held = b""
    async for chunk in body_chunks(content):
        data = held + chunk
        held = b"\r" if data.endswith(b"\r") else b""
        yield with_crlf(data[:-1] if held else data)
    if held:
        yield b"\r\n"


async def fitting(content: MessageContent, *, eight_bit: bool) -> tuple[bytes, bytes]:
    """Header and body for a next hop with or without 8BITMIME. Raises `CannotConvert`, `Unreadable`."""
    fits = fits_eight_bit if eight_bit else fits_seven_bit
    try:
        return await content.body.apply(lambda body: converted(content.header, bytes(body), fits))
    except TemporaryFailure as error:
        raise Unreadable(str(error)) from error
