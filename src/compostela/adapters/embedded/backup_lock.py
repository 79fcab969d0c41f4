"""While a backup copies the bodies that its picture of the database names, no process removes files of bodies."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "backup.lock"


@contextmanager
def removing_files(folder: Path) -> Iterator[bool]:
    """For garbage collection, several at a time. Gives False while a backup of the data folder runs or waits: remove no file then."""
    with _opened(folder) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def keeping_files(folder: Path, waits: Callable[[], None]) -> Iterator[None]:
    """For a backup, one at a time. Calls `waits` before it waits for garbage collection or another backup."""
    with _opened(folder) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waits()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
