"""Room on the disk: new data is refused while there is still enough left to delete old data."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from compostela.base.errors import StorageFull

DEFAULT_RESERVE_BYTES = 32 * 1024 * 1024
_CACHE_SECONDS = 1.0


class DiskSpace:
    """Free space of a folder's file system, looked at once a second at most."""

    def __init__(
        self, folder: Path, reserve_bytes: int = DEFAULT_RESERVE_BYTES, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder = folder
        self._reserve = reserve_bytes
        self._monotonic = monotonic
        self._looked_at = float("-inf")
        self._free = 0

    def check_room(self, size: int) -> None:
        """Raises `StorageFull` when `size` more octets would leave less than the reserve."""
        now = self._monotonic()
        if now - self._looked_at >= _CACHE_SECONDS:
            status = os.statvfs(self._folder)
            self._free = status.f_bavail * status.f_frsize
            self._looked_at = now
        if self._free - size < self._reserve:
            raise StorageFull("the disk is full")
