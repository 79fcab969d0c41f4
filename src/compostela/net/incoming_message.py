"""A message while it arrives: header block and small bodies in memory, large bodies on disk."""

from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.blob.ports import BlobStore, Spill
from compostela.mime.headers import header_end

MEMORY_BYTES = 256 * 1024
"""Larger messages go to disk as they arrive."""
MAX_HEADER_BYTES = 1024 * 1024
MAX_SWALLOWED_BYTES = 256 * 1024 * 1024
"""Octets that are read and dropped after a limit is passed. Beyond them the server does not wait for the message's end."""
HEADER_STEP_BYTES = 64 * 1024
"""A header block that has not ended is looked through again once so much has come to it."""
MAX_PIECES = 512
"""Octets that come one by one are put together now and then: each piece costs more memory than it holds."""


class IncomingMessage:
    """Takes octets as they come. Past a limit it throws away what it has and takes the rest in silence: the peer hears of it
    at the end."""

    __slots__ = (
        "_blobs",
        "_chunks",
        "_failure",
        "_header",
        "_limit",
        "_look_at",
        "_size",
        "_spill",
        "_swallowed",
        "header_too_large",
        "storage_full",
        "too_large",
    )

    def __init__(self, blobs: BlobStore, max_bytes: int) -> None:
        self._blobs = blobs
        self._limit = max_bytes
        self._chunks: list[bytes] = []
        self._size = 0
        self._header = b""
        self._spill: Spill | None = None
        self._look_at = MEMORY_BYTES
        self._swallowed = 0
        self._failure: TemporaryFailure | None = None
        self.too_large = False
        self.header_too_large = False
        self.storage_full = False

    def write(self, octets: bytes) -> None:
        if self.too_large or self.header_too_large or self.storage_full or self._failure is not None:
            self._swallowed += len(octets)
            return
        try:
            self._take(octets)
        except StorageFull:
            self.storage_full = True
            self.discard()
        except TemporaryFailure as failure:
            self._failure = failure
            self.discard()

    @property
    def is_endless(self) -> bool:
        """The message was refused long ago, and the peer goes on with it."""
        return self._swallowed > MAX_SWALLOWED_BYTES

    def _take(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._limit and self._size > self._limit:
            self.too_large = True
            self.discard()
        elif self._spill is not None:
            self._spill.write(octets)
        else:
            self._chunks.append(octets)
            if self._size > self._look_at:
                self._begin_spill()
            elif len(self._chunks) > MAX_PIECES:
                self._chunks = [b"".join(self._chunks)]

    def _begin_spill(self) -> None:
        data = b"".join(self._chunks)
        end = header_end(data)
        if end >= len(data):
            # no empty line yet: wait for it, within bounds
            self._chunks = [data]
            self._look_at = self._size + HEADER_STEP_BYTES
            if self._size > MAX_HEADER_BYTES:
                self.header_too_large = True
                self.discard()
            return
        self._chunks = []
        self._header = data[:end]
        self._spill = self._blobs.spill()
        self._spill.write(memoryview(data)[end:])

    async def finish(self) -> MessageContent:
        """Raises `StorageFull` or `TemporaryFailure`, also for what failed while the message came."""
        if self._failure is not None:
            raise self._failure
        if self._spill is not None:
            # it is over now, whatever comes of it: `discard` must not end it a second time
            spill, self._spill = self._spill, None
            body: Body = await spill.finish()
            return MessageContent(self._header, body)
        data = b"".join(self._chunks)
        end = header_end(data)
        return MessageContent(data[:end], MemoryBody(data[end:]))

    def discard(self) -> None:
        """Throws away what has come."""
        self._chunks = []
        if self._spill is not None:
            self._spill.discard()
            self._spill = None
