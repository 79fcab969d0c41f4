"""The lock that processes which share a database take before they write: first come, first served.

A lock on one file is not fair: a process that releases it may take it again before the kernel has woken the next in the queue.
So there are two locks, gate and door. The next writer holds the gate while it waits for the door; a process that has just written
must take the gate first, and finds it locked.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class WriteLock:
    """Held by one transaction of one process at a time. Each connection that writes has an object of its own; one thread may
    take it and another give it back."""

    def __init__(self, database: Path) -> None:
        self._gate = _open(database.with_suffix(".gate"))
        self._door = _open(database.with_suffix(".lock"))

    def take(self) -> None:
        """Blocks until it is this one's turn."""
        fcntl.flock(self._gate, fcntl.LOCK_EX)
        try:
            fcntl.flock(self._door, fcntl.LOCK_EX)
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)

    def try_to_take(self) -> bool:
        """Take the lock if no process has it or waits for it."""
        try:
            fcntl.flock(self._gate, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        try:
            fcntl.flock(self._door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
        return True

    def give_back(self) -> None:
        fcntl.flock(self._door, fcntl.LOCK_UN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Taken, and given back at the end."""
        self.take()
        try:
            yield
        finally:
            self.give_back()

    def close(self) -> None:
        os.close(self._gate)
        os.close(self._door)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
