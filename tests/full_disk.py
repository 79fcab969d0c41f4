"""A small file system in memory, and how to fill it."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compostela.adapters.embedded.disk import free_bytes

_CHUNK_BYTES = 1024 * 1024


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of its own on `folder`. The test is skipped where none may be mounted."""
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        pytest.skip(f"no file system can be mounted: {error}")
    if mounted.returncode != 0:
        pytest.skip(f"no file system may be mounted: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


class Filler:
    """A file that takes room, as the log of another program may."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self, size: int) -> None:
        """So many octets more."""
        with self._path.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), size)

    def fill(self) -> None:
        """All that is left."""
        while room := free_bytes(self._path.parent):
            try:
                self.take(min(room, _CHUNK_BYTES))
            except OSError:
                return

    def remove(self) -> None:
        self._path.unlink()
