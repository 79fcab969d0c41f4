"""Bodies in files: on their way in, and open for reading.

A file's name is unique and never used again. The file is written and synced, with its folder, before the transaction that
refers to it; nothing but that row makes it a blob, so a crash in between leaves an unknown file, which is swept later.

Its mode tells the sweep of a file that no row knows whether one ever did: `UNREFERRED_MODE` until a row is to name it, and again
when that row goes. Any other unknown file may belong to a database that was lost.
"""

import asyncio
import contextlib
import hashlib
import mmap
import os
import stat
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from compostela.adapters.embedded.disk import translated_os_error
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import CHUNK_BYTES, Octets

T = TypeVar("T")

UNREFERRED_MODE = 0o400
REFERRED_MODE = 0o600


class _OpenFile:
    """What remains to be done when the last reader has gone."""

    __slots__ = ("descriptor", "is_claimed", "path")

    def __init__(self, path: Path, descriptor: int, is_claimed: bool) -> None:
        self.path = path
        self.descriptor = descriptor
        self.is_claimed = is_claimed

    def end(self) -> None:
        os.close(self.descriptor)
        if not self.is_claimed:
            self.path.unlink(missing_ok=True)


class FileBody:
    """A body in a file that is kept open, so that it can be read even after the file's name is gone. A new file that no
    transaction ever claimed goes with its body."""

    __slots__ = ("__weakref__", "_file", "digest", "has_taken_room", "is_stored", "size")

    def __init__(self, path: Path, descriptor: int, size: int, digest: bytes, *, is_stored: bool) -> None:
        self.size = size
        self.digest = digest
        self.is_stored = is_stored
        """A row names the file, or has named it. Garbage collection may remove the file, so no other row may name it."""
        self.has_taken_room = is_stored
        """Its octets were counted as new ones, or are old."""
        self._file = _OpenFile(path, descriptor, is_claimed=is_stored)
        weakref.finalize(self, self._file.end)

    @property
    def path(self) -> Path:
        return self._file.path

    @property
    def is_far(self) -> bool:
        return False

    def claim(self) -> None:
        """Called before a row that names the file is written: from now on only garbage collection may remove it. Raises
        `TemporaryFailure`."""
        try:
            os.fchmod(self._file.descriptor, REFERRED_MODE)
        except OSError as error:
            raise translated_os_error(error) from error
        self._file.is_claimed = True

    async def opened(self) -> "FileBody":
        self._check_size()
        return self

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        left = max(self.size - offset, 0)
        length = left if length is None else min(left, length)
        if length <= CHUNK_BYTES:
            return self._read(length, offset)
        return await asyncio.to_thread(self._read, length, offset)

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        end = self.size if length is None else min(self.size, offset + length)
        for start in range(offset, end, CHUNK_BYTES):
            yield self._read(min(CHUNK_BYTES, end - start), start)

    async def apply(self, function: Callable[[Octets], T]) -> T:
        return await asyncio.to_thread(self._apply, function)

    def _read(self, length: int, offset: int) -> bytes:
        try:
            octets = os.pread(self._file.descriptor, length, offset)
        except OSError as error:
            raise translated_os_error(error) from error
        if len(octets) < length:
            raise TemporaryFailure(f"the file {self.path} of a body was cut")
        return octets

    def _check_size(self) -> None:
        if not _has_size(os.fstat(self._file.descriptor), self.size):
            raise TemporaryFailure(f"the file {self.path} of a body was cut")

    def _apply(self, function: Callable[[Octets], T]) -> T:
        if self.size == 0:
            return function(b"")
        self._check_size()
        with mmap.mmap(self._file.descriptor, self.size, access=mmap.ACCESS_READ) as octets:
            return function(octets)


class FileSpill:
    """A large body on its way in."""

    def __init__(self, folder: Path, lasting: set[Path]) -> None:
        """`lasting`: the folders whose own names this process has made durable."""
        self._path = folder / new_id()
        self._folder = folder
        self._lasting = lasting
        self._hash = hashlib.sha256()
        self.size = 0
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, UNREFERRED_MODE)

    def write(self, data: bytes | memoryview) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]
        except OSError as error:
            raise translated_os_error(error) from error
        self._hash.update(data)
        self.size += len(data)

    async def finish(self) -> FileBody:
        syncing = asyncio.ensure_future(asyncio.to_thread(self._sync))
        try:
            await asyncio.shield(syncing)
        except asyncio.CancelledError:
            # not before the thread is done with the file
            syncing.add_done_callback(lambda _: self.discard())
            raise
        except OSError as error:
            self.discard()
            raise translated_os_error(error) from error
        return FileBody(self._path, self._descriptor, self.size, self._hash.digest(), is_stored=False)

    def _sync(self) -> None:
        os.fsync(self._descriptor)
        sync_folder(self._folder)
        if self._folder not in self._lasting:
            # also if it exists: the process that made it may have died before the sync, or has not reached it yet
            sync_folder(self._folder.parent)
            self._lasting.add(self._folder)

    def discard(self) -> None:
        os.close(self._descriptor)
        self._path.unlink(missing_ok=True)


def is_whole(path: Path, size: int) -> bool:
    """Whether the file is there with `size` octets; they are not read."""
    try:
        return _has_size(path.stat(), size)
    except OSError:
        return False


def _has_size(status: os.stat_result, size: int) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size == size


def open_body(path: Path, size: int, digest: bytes) -> FileBody:
    """A stored body. Raises `TemporaryFailure` when the file cannot be opened or has not `size` octets."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise translated_os_error(error) from error
    if not _has_size(os.fstat(descriptor), size):
        os.close(descriptor)
        raise TemporaryFailure(f"the file {path} of a body was cut")
    return FileBody(path, descriptor, size, digest, is_stored=True)


def make_folder(folder: Path) -> None:
    """A folder, made if it is missing, whose name outlasts a loss of power. Raises `OSError`."""
    if not folder.parent.exists():
        make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    # a folder that may be entered but not listed cannot be opened: the process that made it has to sync it
    with contextlib.suppress(PermissionError):
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
