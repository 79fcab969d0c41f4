"""Answers of the small tables (domains, users, rewriting), remembered until any process changes one of these tables.

The processes that share a data folder share a mark: eight random octets in a mapped file. Who changes a table sets a new mark
inside the transaction and again after the commit, before anybody is told that the change is done; who remembers an answer
remembers the mark that stood before it was read. So looking an answer up costs no statement, and none outlives a change.
"""

import mmap
import os
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MARK_OCTETS = 8
MAX_REMEMBERED = 50_000
"""Beyond it everything is forgotten: the names that a stranger asks for must not fill the memory."""


class Lookups:
    """One object for a process, used on the event loop; `changed` may be called from any thread."""

    def __init__(self, path: Path) -> None:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(file).st_size < MARK_OCTETS:
                # written, not only made long: a mapped hole needs a block when the disk may have none left
                os.write(file, bytes(MARK_OCTETS))
            self._mark = mmap.mmap(file, MARK_OCTETS)
        finally:
            os.close(file)
        self._known: dict[Hashable, Any] = {}
        self._known_since = b""
        # a process that died between its commit and its second mark left one that is too old
        self.changed()

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """What `read` gives, from memory when nothing has changed since it was read. `read` has no `await` in it."""
        mark = self._mark[:]
        if mark != self._known_since or len(self._known) > MAX_REMEMBERED:
            self._known.clear()
            self._known_since = mark
        elif key in self._known:
            answer: T = self._known[key]
            return answer
        answer = self._known[key] = read()
        return answer

    def changed(self) -> None:
        """Makes every process forget."""
        self._mark[:] = os.urandom(MARK_OCTETS)

    def close(self) -> None:
        self._mark.close()
