"""Bodies in S3, and how large ones get there."""

import asyncio
import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from compostela.adapters.s3.bucket import PIECE_BYTES, Bucket
from compostela.adapters.s3.coding import BlobCoding
from compostela.adapters.s3.names import ObjectName
from compostela.adapters.s3.settings import BlobSettings
from compostela.base.clock import Clock
from compostela.base.errors import NotFound, StorageFull, TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody, Octets
from compostela.model.numbers import BlobId

T = TypeVar("T")

RESERVE_BYTES = 256 * 1024 * 1024
"""Left free on the disk of the folder in which bodies arrive."""
DECODED_AT_ONCE = 4
"""Coded bodies that are in memory as a whole while they are coded or decoded."""


WHOLE_BYTES = 256 * 1024
"""A body of at most so many octets is read as a whole when it is opened."""


class S3Body:
    """A body in S3, read when asked for. One that was compressed or encrypted is read as a whole."""

    __slots__ = ("_blobs", "name", "size")

    def __init__(self, blobs: "S3Blobs", name: ObjectName, size: int) -> None:
        self._blobs = blobs
        self.name = name
        self.size = size

    @property
    def digest(self) -> bytes:
        return self.name.digest

    @property
    def is_far(self) -> bool:
        return True

    async def opened(self) -> "S3Body | MemoryBody":
        if self.name.coding:
            return await self._blobs.decoded(self)
        if self.size <= WHOLE_BYTES:
            # one request in place of two
            return MemoryBody(await self._blobs.bucket.get(self.name.blob, 0, self.size), self.digest)
        if self.size != await self._blobs.bucket.size(self.name.blob):
            raise TemporaryFailure(f"object {self.name.blob} is gone or was cut")
        return self

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        if self.name.coding:
            return await (await self._blobs.decoded(self)).read(offset, length)
        left = max(self.size - offset, 0)
        return await self._blobs.bucket.get(self.name.blob, offset, left if length is None else min(left, length))

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        body = await self._blobs.decoded(self) if self.name.coding else self
        end = self.size if length is None else min(self.size, offset + length)
        for start in range(offset, end, PIECE_BYTES):
            piece = memoryview(await body.read(start, min(PIECE_BYTES, end - start)))
            for at in range(0, len(piece), CHUNK_BYTES):
                yield bytes(piece[at : at + CHUNK_BYTES])

    async def apply(self, function: Callable[[Octets], T]) -> T:
        return await MemoryBody(await self.read(), self.digest).apply(function)


class S3Spill:
    """A large body on its way: in a file of this machine, which has no name."""

    def __init__(self, blobs: "S3Blobs", folder: Path) -> None:
        self._blobs = blobs
        self._hash = hashlib.sha256()
        self.size = 0
        self._descriptor, path = tempfile.mkstemp(prefix="spill-", dir=folder)
        self._path = Path(path)

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _translated(error) from error
        self._hash.update(data)
        self.size += len(data)

    async def finish(self) -> S3Body:
        try:
            return await self._blobs.put_file(self._path, self.size, self._hash.digest())
        finally:
            self.discard()

    def discard(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            self._path.unlink(missing_ok=True)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self.discard()


class S3Blobs:
    """See `compostela.core.blob.ports` and `compostela.core.blob.bodies`.

    Objects are put under the present generation and never changed. A body of an older generation that is kept again is copied to
    the present one, so that a collection which looked at the old object a moment ago takes nothing away."""

    def __init__(self, settings: BlobSettings, folder: Path, clock: Clock, reserve_bytes: int = RESERVE_BYTES) -> None:
        """`folder`: where bodies arrive. What is in it is left over from a process that died, and removed."""
        self.bucket = Bucket(settings)
        self._settings = settings
        self.coding = BlobCoding(settings)
        self._folder = folder
        self._clock = clock
        self._reserve_bytes = reserve_bytes
        self._decoding = asyncio.Semaphore(DECODED_AT_ONCE)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left_over in folder.glob("spill-*"):
            left_over.unlink(missing_ok=True)

    @property
    def family(self) -> int:
        return self._settings.family

    def spill(self) -> S3Spill:
        self.check_room(CHUNK_BYTES)
        try:
            return S3Spill(self, self._folder)
        except OSError as error:
            raise _translated(error) from error

    def check_room(self, size: int) -> None:
        """Of the local disk: what S3 has room for is not known."""
        try:
            disk = os.statvfs(self._folder)
        except OSError as error:
            raise _translated(error) from error
        if disk.f_bavail * disk.f_frsize < self._reserve_bytes + size:
            raise StorageFull("the disk on which bodies arrive is full")

    async def keep(self, body: Body) -> BlobId:
        if isinstance(body, S3Body):
            return await self._renewed(body)
        name = self._name(body.digest)
        return (await self._put(name, await body.read(), body.size)).blob

    def body(self, blob: BlobId, size: int) -> S3Body:
        return S3Body(self, ObjectName.parse(blob), size)

    async def find(self, blob: BlobId, size: int) -> S3Body:
        """The body of so many octets in an object. Raises `NotFound` and `TemporaryFailure`."""
        body = self.body(blob, size)
        stored = await self.bucket.size(blob)
        if stored is None or (stored != size and not body.name.coding):
            raise NotFound(f"there is no blob {blob!r} of {size} octets")
        return body

    async def decoded(self, body: S3Body) -> MemoryBody:
        """A coded body as a whole. Raises `TemporaryFailure`."""
        name = body.name
        async with self._decoding:
            stored = await self.bucket.size(name.blob)
            if stored is None:
                raise TemporaryFailure(f"object {name.blob} is gone")
            data = await self.bucket.get(name.blob, 0, stored)
            plain = await asyncio.to_thread(self.coding.decode, name.coding, data, name.plain, body.size)
        return MemoryBody(plain, name.digest)

    async def put_file(self, path: Path, size: int, digest: bytes) -> S3Body:
        name = self._name(digest)
        if not self.coding.is_plain:
            name = await self._put(name, await asyncio.to_thread(path.read_bytes), size)
        elif not size:
            name = await self._put(name, b"", 0)
        elif not self._settings.is_deduplicating or await self.bucket.size(name.blob, in_fallback=False) != size:
            await self.bucket.put(name.blob, path, size)
        return S3Body(self, name, size)

    async def _put(self, name: ObjectName, data: bytes, size: int) -> ObjectName:
        if self.coding.is_plain:
            await self.bucket.put(name.blob, data, size)
            return name
        async with self._decoding:
            coding, coded = await asyncio.to_thread(self.coding.encode, data, name.plain)
            name = name.coded(coding)
            await self.bucket.put(name.blob, coded, len(coded))
        return name

    async def _renewed(self, body: S3Body) -> BlobId:
        old = body.name
        if (old.family, old.generation) == (self._settings.family, self.generation()):
            return old.blob
        if old.coding:
            # its name is part of what was encrypted
            return (await self._put(self._name(old.digest), await body.read(), body.size)).blob
        new = self._name(old.digest)
        await self.bucket.copy(old.blob, new.blob)
        return new.blob

    def _name(self, digest: bytes) -> ObjectName:
        unique = "" if self._settings.is_deduplicating else f"_{new_id().lower()}"
        return ObjectName(self._settings.family, self.generation(), digest, unique)

    @property
    def generation_seconds(self) -> float:
        return self._settings.generation_seconds

    def is_of_present(self, blob: BlobId) -> bool:
        """Whether an object is of the present generation, or of a later one by the clock of another node. Raises `NotFound` for
        what is no id of ours."""
        name = ObjectName.parse(blob)
        return name.family == self.family and name.generation >= self.generation()

    def generation(self) -> int:
        """The present one."""
        return int(self._clock.now() / self._settings.generation_seconds)


def _translated(error: OSError) -> TemporaryFailure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"no room for a body: {error.strerror}")
    return TemporaryFailure(f"a body cannot be kept on its way: {error.strerror}")
