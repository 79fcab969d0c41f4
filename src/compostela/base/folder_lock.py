"""A folder that one process uses at a time."""

import fcntl
import os
from pathlib import Path

from compostela.base.errors import CompostelaError

LOCK_FILE = "in-use"


class FolderLocked(CompostelaError):
    """Another process uses the folder."""


class FolderLock:
    """Held from its making until `close`, or the end of the process."""

    def __init__(self, folder: Path) -> None:
        """Raises `FolderLocked` and `OSError`."""
        self._descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._descriptor)
            raise FolderLocked(f"another process uses {folder}") from error

    def close(self) -> None:
        os.close(self._descriptor)
