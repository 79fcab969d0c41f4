"""Where bodies live: small ones as rows beside what refers to them, large ones as files (see the decision record).

A file's name is unique and never used again. It is written and synced, with its folder, before the transaction that refers
to it; nothing but that row makes it a blob, so a crash in between leaves an unknown file, which is swept after a day.
"""

import asyncio
import errno
import hashlib
import mmap
import os
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from compostela.adapters.embedded.disk import DiskSpace
from compostela.adapters.embedded.packing import pack, unpack
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction
from compostela.base.clock import Clock
from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import CHUNK_BYTES, Body, Octets

T = TypeVar("T")

_FIND = "SELECT id, file FROM blob WHERE digest = ?"
_INSERT = "INSERT INTO blob (digest, size, coding, data, file, created_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
_LOAD = "SELECT coding, data, file FROM blob WHERE id = ?"


class FileBody:
    """A body in a file that is kept open, so that it can be read even after the file's name is gone."""

    __slots__ = ("__weakref__", "_close", "descriptor", "digest", "path", "size")

    def __init__(self, path: Path, descriptor: int, size: int, digest: bytes) -> None:
        self.path = path
        self.descriptor = descriptor
        self.size = size
        self.digest = digest
        self._close = weakref.finalize(self, os.close, descriptor)

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        length = max(self.size - offset, 0) if length is None else length
        if length <= CHUNK_BYTES:
            return os.pread(self.descriptor, length, offset)
        return await asyncio.to_thread(os.pread, self.descriptor, length, offset)

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        end = self.size if length is None else min(self.size, offset + length)
        for start in range(offset, end, CHUNK_BYTES):
            yield os.pread(self.descriptor, min(CHUNK_BYTES, end - start), start)

    async def apply(self, function: Callable[[Octets], T]) -> T:
        return await asyncio.to_thread(self._apply, function)

    def _apply(self, function: Callable[[Octets], T]) -> T:
        if self.size == 0:
            return function(b"")
        with mmap.mmap(self.descriptor, self.size, access=mmap.ACCESS_READ) as octets:
            return function(octets)


class StoredBody:
    """A body in the store, read when asked for."""

    __slots__ = ("_blobs", "_id", "digest", "size")

    def __init__(self, blobs: "EmbeddedBlobs", blob: int, size: int, digest: bytes) -> None:
        self._blobs = blobs
        self._id = blob
        self.size = size
        self.digest = digest

    def _load(self) -> "bytes | FileBody":
        return self._blobs.load(self._id, self.size, self.digest)

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        data = self._load()
        if isinstance(data, FileBody):
            return await data.read(offset, length)
        if offset == 0 and length is None:
            return data
        return data[offset : None if length is None else offset + length]

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        data = self._load()
        if isinstance(data, FileBody):
            async for chunk in data.chunks(offset, length):
                yield chunk
        else:
            end = len(data) if length is None else min(len(data), offset + length)
            for start in range(offset, end, CHUNK_BYTES):
                yield data[start : min(end, start + CHUNK_BYTES)]

    async def apply(self, function: Callable[[Octets], T]) -> T:
        data = self._load()
        if isinstance(data, FileBody):
            return await data.apply(function)
        return function(data)


class FileSpill:
    """A large body on its way in."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / new_id()
        self._folder = folder
        self._hash = hashlib.sha256()
        self.size = 0
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def write(self, data: bytes | memoryview) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise _translated(error) from error
        self._hash.update(data)
        self.size += len(data)

    async def finish(self) -> FileBody:
        try:
            await asyncio.to_thread(self._sync)
        except OSError as error:
            self.discard()
            raise _translated(error) from error
        return FileBody(self._path, self._descriptor, self.size, self._hash.digest())

    def _sync(self) -> None:
        os.fsync(self._descriptor)
        sync_folder(self._folder)

    def discard(self) -> None:
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


class EmbeddedBlobs:
    """The blobs of one data folder."""

    def __init__(self, folder: Path, reader: Reader, disk: DiskSpace, clock: Clock) -> None:
        self._folder = folder
        self._reader = reader
        self._disk = disk
        self._clock = clock
        folder.mkdir(mode=0o700, exist_ok=True)

    # the port

    def spill(self) -> FileSpill:
        self._disk.check_room(CHUNK_BYTES)
        shelf = self._folder / new_id()[-2:]
        try:
            if not shelf.exists():
                shelf.mkdir(mode=0o700, exist_ok=True)
                sync_folder(self._folder)
            return FileSpill(shelf)
        except OSError as error:
            raise _translated(error) from error

    def check_room(self, size: int) -> None:
        self._disk.check_room(size)

    # inside the store

    def put(self, tx: Transaction, body: Body) -> int:
        """The row id of the body's blob, made if its bytes are not stored yet. In the transaction that refers to it."""
        digest = body.digest
        found = tx.execute(_FIND, (digest,)).fetchone()
        if found is not None:
            if isinstance(body, FileBody) and found[1] != self._name(body.path):
                tx.after_commit.append(lambda: body.path.unlink(missing_ok=True))
            return int(found[0])
        now = int(self._clock.now())
        if isinstance(body, FileBody):
            values: tuple[object, ...] = (digest, body.size, 0, None, self._name(body.path), now)
        else:
            coding, data = pack(_octets(body))
            values = (digest, body.size, coding, data, None, now)
        return int(tx.execute(_INSERT, values).fetchone()[0])

    def body(self, blob: int, size: int, digest: bytes) -> Body:
        return StoredBody(self, blob, size, digest)

    def load(self, blob: int, size: int, digest: bytes) -> "bytes | FileBody":
        """The bytes of a row, or the open file."""
        row = self._reader.execute(_LOAD, (blob,)).fetchone()
        if row is None:
            raise TemporaryFailure(f"blob {blob} is gone")
        coding, data, file = row
        if file is None:
            return unpack(coding, data)
        path = self._folder / file
        try:
            return FileBody(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC), size, digest)
        except OSError as error:
            raise _translated(error) from error

    def path(self, file: str) -> Path:
        return self._folder / file

    @property
    def folder(self) -> Path:
        return self._folder

    def _name(self, path: Path) -> str:
        return f"{path.parent.name}/{path.name}"


def _octets(body: Body) -> bytes:
    data = getattr(body, "data", None)
    if not isinstance(data, bytes):
        raise TemporaryFailure("the bytes of a body are gone from the store")
    return data


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _translated(error: OSError) -> TemporaryFailure:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("the disk is full")
    return TemporaryFailure(f"a message file failed: {error}")
