"""Canonicalisation (RFC 6376 §3.4): what of a message is hashed.

A body goes through in pieces of any size; what is kept between them is a few octets and a count, whatever the body.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

_BLANKS = re.compile(rb"[ \t]{2,}|\t")
"""White space that is replaced by one blank, other than one blank."""
_UNFOLD = re.compile(rb"\r?\n(?=[ \t])")
_SIGNATURE_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_LINE_ENDS = b"\r\n" * 4096
_PIECE_BYTES = 256 * 1024


class Octets(Protocol):
    """A body as one buffer: bytes, or a mapped file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: slice, /) -> bytes: ...


def pieces(body: Octets) -> Iterator[bytes]:
    """The whole of it."""
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


def relaxed_field(field: bytes) -> bytes:
    """A whole field with its line end (§3.4.2)."""
    name, _, value = field.partition(b":")
    value = _BLANKS.sub(b" ", _UNFOLD.sub(b"", value)).strip(b" \t\r\n")
    return name.rstrip(b" \t").lower() + b":" + value + b"\r\n"


def without_signature(field: bytes) -> bytes:
    """A DKIM-Signature field with the value of b= taken out (§3.7)."""
    name, colon, value = field.partition(b":")
    return name + colon + _SIGNATURE_VALUE.sub(rb"\1", value, count=1)


class BodyCanonicaliser:
    """§3.4.3, §3.4.4: gives the canonical octets of each piece. CR or LF alone is an octet like any other."""

    def __init__(self, *, relaxed: bool) -> None:
        self._relaxed = relaxed
        self._space = b" \t\r\n" if relaxed else b"\r\n"
        self._line_ends = 0
        """Line ends that are not given yet: at the end of the body they do not count."""
        self._blank = b""
        """White space after these line ends (relaxed)."""
        self._return = b""
        """A CR at the end of the last piece, which may be half a line end."""
        self._empty = True

    def update(self, piece: bytes) -> Iterator[bytes]:
        piece = self._return + piece
        self._return = b"\r" if piece.endswith(b"\r") else b""
        piece = piece.removesuffix(b"\r")
        return self._fed(piece)

    def finish(self) -> Iterator[bytes]:
        if self._return:
            self._return = b""
            yield from self._fed(b"\r")
        if not (self._relaxed and self._empty):
            yield b"\r\n"

    def _fed(self, piece: bytes) -> Iterator[bytes]:
        end = self._end_of_content(piece)
        if end:
            yield from self._pending_line_ends()
            content = self._blank + piece[:end]
            self._blank = b""
            self._empty = False
            if self._relaxed:
                content = _BLANKS.sub(b" ", content).replace(b" \r\n", b"\r\n")
            yield content
        self._keep(piece[end:])

    def _end_of_content(self, piece: bytes) -> int:
        """Where the white space begins that ends the piece."""
        end = len(piece.rstrip(self._space))
        # a CR or LF alone is content, and the white space before it
        space = piece[end:].replace(b"\r\n", b"  ")
        return end + max(space.rfind(b"\r"), space.rfind(b"\n")) + 1

    def _keep(self, space: bytes) -> None:
        ends = space.count(b"\r\n")
        if ends:
            self._line_ends += ends
            self._blank = b""
            space = space[space.rindex(b"\n") + 1 :]
        if space:
            self._blank = b" "

    def _pending_line_ends(self) -> Iterator[bytes]:
        size = self._line_ends * 2
        self._line_ends = 0
        while size > 0:
            yield _LINE_ENDS[:size]
            size -= len(_LINE_ENDS)


class BodyHashes:
    """SHA-256 of a canonical body, for each of `lengths` of so many octets of it (l=), or with None of all: the body is made
    canonical once, however many there are."""

    def __init__(self, *, relaxed: bool, lengths: Iterable[int | None] = (None,)) -> None:
        self._canonicaliser = BodyCanonicaliser(relaxed=relaxed)
        self._hashes = {length: hashlib.sha256() for length in lengths}
        self.size = 0
        """Canonical octets of the whole body."""

    def update(self, piece: bytes) -> None:
        self._add(self._canonicaliser.update(piece))

    def digests(self) -> dict[int | None, bytes]:
        """Once, at the end."""
        self._add(self._canonicaliser.finish())
        return {length: one.digest() for length, one in self._hashes.items()}

    def _add(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            for length, one in self._hashes.items():
                left = len(piece) if length is None else max(length - self.size, 0)
                one.update(piece if left >= len(piece) else memoryview(piece)[:left])
            self.size += len(piece)
