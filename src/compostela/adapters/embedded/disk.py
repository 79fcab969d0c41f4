"""Room on the disk: new data is refused while there is still enough left to delete old data."""

import contextlib
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.blob.model import CHUNK_BYTES

DEFAULT_RESERVE_BYTES = 32 * 1024 * 1024
RESERVE_FILE_BYTES = 8 * 1024 * 1024
RESERVE_NAME = "reserve"
_CACHE_SECONDS = 1.0


class DiskSpace:
    """Free space of a folder's file system, looked at once a second at most.

    What was deleted from the database stays in its file as pages to be used again: room for mails that are rows, though
    the file system does not know of it."""

    def __init__(
        self,
        folder: Path,
        reserve_bytes: int = DEFAULT_RESERVE_BYTES,
        reusable_bytes: Callable[[], int] = lambda: 0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._reusable_bytes = reusable_bytes
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._free = 0
        self._reusable = 0

    def check_room(self, size: int, *, in_file: bool = False) -> None:
        """Raises `StorageFull` when `size` more octets, in a file of their own or in the database, would leave less than
        the reserve."""
        self._look()
        if self._free + (0 if in_file else self._reusable) - size < self._reserve:
            raise StorageFull("the disk is full")

    def take_room(self, size: int) -> None:
        """The same for octets that come now: they count at once, so that a second of many mails does not eat the reserve."""
        self.check_room(size, in_file=size > CHUNK_BYTES)
        self._free -= size

    def is_short(self) -> bool:
        """Whether less than the reserve is free."""
        self._look()
        return self._free < self._reserve

    def _look(self) -> None:
        now = self._monotonic()
        if now - self._looked_at >= _CACHE_SECONDS:
            self._free, self._reusable = free_bytes(self._folder), self._reusable_bytes()
            self._looked_at = now


class Reserve:
    """A file that holds blocks which a deletion may use when others have filled the disk to the last one.

    Shared by the processes of a data folder: it is there, whole, or it is in use. Each process learns that by `restore`,
    which is called every second."""

    def __init__(self, path: Path, size: int = RESERVE_FILE_BYTES) -> None:
        self._path = path
        self._size = size
        self.is_used = False

    def release(self) -> bool:
        """Gives the blocks back to the file system. False when they are gone already."""
        self.is_used = True
        try:
            self._path.unlink()
        except FileNotFoundError:
            return False
        return True

    def restore(self) -> None:
        """Makes the reserve whole when there is room for it and as much again. Blocks for a moment."""
        if not self._path.exists() and free_bytes(self._path.parent) >= 2 * self._size:
            with contextlib.suppress(OSError):
                self._allocate()
        self.is_used = not self._path.exists()

    def _allocate(self) -> None:
        partial = self._path.with_suffix(f".{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self._size)
            partial.rename(self._path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)


def reserve_of(database: Path) -> Reserve:
    """The reserve of the data folder in which the database is."""
    return Reserve(database.with_name(RESERVE_NAME))


def free_bytes(folder: Path) -> int:
    """What an ordinary user may still write."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


def translated_os_error(error: OSError) -> TemporaryFailure:
    """Ours for an error of a file in the store."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("the disk is full")
    return TemporaryFailure(f"a message file failed: {error}")
