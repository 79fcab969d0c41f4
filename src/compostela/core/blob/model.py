"""The bytes of a message: a small header block and a body, which may be in memory, in a file or in the store.

Both are immutable. To change headers, make a new `MessageContent` with the same body: one body serves the queue, a hundred
recipients and all copies.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from mmap import mmap
from typing import Protocol, TypeVar

from compostela.model.numbers import BlobId

T = TypeVar("T")
Octets = bytes | mmap
"""A body as one buffer, for code that looks at all of it without copying it."""

CHUNK_BYTES = 256 * 1024
_SCHEME = "1_"
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


def blob_id_of(digest: bytes) -> BlobId:
    """The name of the bytes with this SHA-256 digest."""
    return BlobId(_SCHEME + digest.hex())


def digest_of(blob: BlobId) -> bytes | None:
    """The digest in a name that `blob_id_of` made; None for another."""
    scheme, text = blob[: len(_SCHEME)], blob[len(_SCHEME) :]
    if scheme != _SCHEME or _DIGEST.match(text) is None:
        return None
    return bytes.fromhex(text)


class Body(Protocol):
    """What follows the header block. Reading never blocks the loop for long; a range past the end is cut, not an error.

    Embedded: octets in memory, a row, or a file that stays open, so that a body that was given can be read to its end even
    when garbage collection takes it meanwhile. Distributed: octets in memory, or ranges of an object, which the collection
    by generation leaves alone for as long."""

    @property
    def size(self) -> int:
        """Octets."""
        ...

    @property
    def digest(self) -> bytes:
        """SHA-256 of the octets."""
        ...

    @property
    def is_far(self) -> bool:
        """Whether opening and reading it asks over a network, so that several are worth to be asked for at once."""
        ...

    async def opened(self) -> "Body":
        """The same body, found to be whole and held: from now on only the device can fail a read. For a caller that
        announces the size before it sends the octets. Raises `TemporaryFailure` when the octets are gone or cut.

        Embedded: the octets of a row, or an open file whose size is checked. Distributed: the octets of an object that is not
        large, or an object whose size is checked."""
        ...

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """The octets of a range, all of them. Raises `TemporaryFailure` when the store cannot be read now or lacks some."""
        ...

    def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The octets of a range in pieces of at most `CHUNK_BYTES`. Raises `TemporaryFailure` as `read` does, maybe after
        some pieces; it never ends early without an error."""
        ...

    async def apply(self, function: Callable[[Octets], T]) -> T:
        """The result of a pure function over the whole body as one buffer: at once for a small body, on a mapped file in
        another thread for a large one. The function must not keep the buffer."""
        ...


@dataclass(slots=True, weakref_slot=True)
class MemoryBody:
    """A body that is small enough to be kept in memory while it is worked on."""

    data: bytes
    _digest: bytes | None = field(default=None, repr=False, compare=False)
    stored_as: object = field(default=None, repr=False, compare=False)
    """A note of the store that has these octets: where it wrote them or found them whole."""
    to_be_stored: tuple[int, bytes] | None = field(default=None, repr=False, compare=False)
    """A note of the store that is to have these octets: the coding and the octets that it will write."""

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def is_far(self) -> bool:
        return False

    @property
    def digest(self) -> bytes:
        if self._digest is None:
            self._digest = hashlib.sha256(self.data).digest()
        return self._digest

    async def opened(self) -> "MemoryBody":
        return self

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        if offset == 0 and length is None:
            return self.data
        return self.data[offset : None if length is None else offset + length]

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        end = self.size if length is None else min(self.size, offset + length)
        for start in range(offset, end, CHUNK_BYTES):
            yield self.data[start : min(end, start + CHUNK_BYTES)]

    async def apply(self, function: Callable[[Octets], T]) -> T:
        if self.size <= CHUNK_BYTES:
            return function(self.data)
        return await asyncio.to_thread(function, self.data)


@dataclass(frozen=True, slots=True)
class MessageContent:
    """A message as two pieces: `header` is the header block with the empty line that ends it, octet for octet as received
    (for a malformed message without such a line: all header-like octets, maybe none); `header + body` is the message."""

    header: bytes
    body: Body
    size: int = field(init=False, repr=False, compare=False)
    """Octets of the whole message (RFC822.SIZE)."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", len(self.header) + self.body.size)

    def with_header(self, header: bytes) -> "MessageContent":
        return MessageContent(header, self.body)

    async def read(self) -> bytes:
        """The whole message. For messages known to be small; large ones are streamed with `chunks`."""
        return self.header + await self.body.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.header
        async for chunk in self.body.chunks():
            yield chunk
