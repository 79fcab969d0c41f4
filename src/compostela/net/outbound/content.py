"""A message on its way out: what it holds, as lines, and as 7 bit text."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from compostela.base.errors import CompostelaError, TemporaryFailure
from compostela.core.blob.model import MessageContent
from compostela.mime.conversion import MAX_LINE, converted, fits_eight_bit, fits_seven_bit, has_long_line
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
    _check(content, size)


def _check(content: MessageContent, size: int) -> None:
    if size != content.body.size:
        raise Unreadable(f"the body has {size} octets where {content.body.size} are expected")


async def small_body(content: MessageContent) -> bytes | None:
    """The body of a message that is written in one piece, None of a longer one. Raises `Unreadable`."""
    if content.size >= WRITE_BYTES:
        return None
    try:
        # in one piece: an asynchronous generator costs two dozen calls
        body = await content.body.read()
    except TemporaryFailure as error:
        raise Unreadable(str(error)) from error
    _check(content, len(body))
    return body


class _Look:
    """One look at the octets of a body, which come in pieces."""

    __slots__ = ("_bare", "_has_long_lines", "_has_nul", "_held", "_is_ascii", "_line")

    def __init__(self) -> None:
        self._is_ascii = True
        self._has_long_lines = self._has_nul = self._bare = False
        self._held = self._line = b""

    def at(self, chunk: bytes) -> None:
        self._is_ascii = self._is_ascii and chunk.isascii()
        if not self._has_long_lines:
            lines = self._line + chunk
            end = lines.rfind(b"\n") + 1
            self._line = lines[end:]
            # the next octet may end a line whose CR is here
            self._has_long_lines = has_long_line(lines[:end]) or len(self._line) > MAX_LINE + 1
        self._has_nul = self._has_nul or b"\x00" in chunk
        if not self._bare:
            data = self._held + chunk
            self._held = b"\r" if data.endswith(b"\r") else b""
            self._bare = has_bare_line_ends(data[:-1] if self._held else data)

    def shape(self, header: bytes) -> Shape:
        return Shape(
            header.isascii() and self._is_ascii,
            self._is_ascii,
            self._has_long_lines or len(self._line) > MAX_LINE,
            self._has_nul or b"\x00" in header,
            self._bare or bool(self._held),
        )


async def shape_of(content: MessageContent, body: bytes | None = None) -> Shape:
    """One look at all octets, in bounded pieces; `body` is the whole body if it is at hand. Raises `Unreadable`."""
    look = _Look()
    if body is not None:
        look.at(body)
    else:
        async for chunk in body_chunks(content):
            look.at(chunk)
    return look.shape(content.header)


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
