"""Marks that the processes of a data folder share: eight random octets each, in one mapped file.

A process that changes something which others remember sets a new mark inside its transaction and again after the commit. A
process that remembers something remembers the mark that it read before. An equal mark proves that nothing has changed; another
one tells to look. Reading a mark costs no statement and no system call.
"""

import mmap
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

MARK_OCTETS = 8
LOOKUPS = 0
"""The mark of domains, users and mappings."""
QUEUES = 1
"""The mark of entries that changed their owner or were deleted."""
TREES = 2
"""The mark of the names of mailboxes and of subscriptions."""
_MARKS = 3
MAILBOX_MARKS = 4096
"""Number of further marks, for mailboxes: the row id modulo this number chooses the mark."""


class MarkFile:
    """The mapped file. All methods may be called from any thread."""

    def __init__(self, path: Path) -> None:
        size = MARK_OCTETS * (_MARKS + MAILBOX_MARKS)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            missing = size - os.fstat(file).st_size
            if missing > 0:
                # written, not only made long: a mapped hole needs a block when the disk may have none left
                os.pwrite(file, bytes(missing), size - missing)
            self._octets = mmap.mmap(file, size)
        finally:
            os.close(file)

    def mark(self, number: int) -> "SharedMark":
        return SharedMark(self._octets, number * MARK_OCTETS)

    def mailbox_marks(self) -> "MailboxMarks":
        return MailboxMarks(self._octets)

    def change_all(self) -> None:
        """Make every process read everything again. Needed after a process has died: it may have committed a change and not set the
        mark after the commit."""
        self._octets[:] = os.urandom(len(self._octets))

    def close(self) -> None:
        self._octets.close()


class SharedMark:
    """One mark of the file."""

    __slots__ = ("_octets", "_place", "read")

    def __init__(self, octets: mmap.mmap, place: int) -> None:
        self._octets = octets
        self._place = slice(place, place + MARK_OCTETS)
        self.read: Callable[[], bytes] = partial(cast("Callable[[slice], bytes]", octets.__getitem__), self._place)
        """Returns the mark. No Python runs: it is read several times for each mail."""

    def change(self) -> None:
        """Makes every process look again."""
        self._octets[self._place] = os.urandom(MARK_OCTETS)


class MailboxMarks:
    """The marks of mailboxes. Several mailboxes share a mark: a change of one makes processes read the others again, too."""

    __slots__ = ("_octets",)

    def __init__(self, octets: mmap.mmap) -> None:
        self._octets = octets

    def read(self, mailbox: int) -> bytes:
        """The mark of the mailbox with this row id."""
        return self._octets[_place_of(mailbox)]

    def change(self, mailbox: int) -> None:
        self._octets[_place_of(mailbox)] = os.urandom(MARK_OCTETS)


def _place_of(mailbox: int) -> slice:
    start = (_MARKS + mailbox % MAILBOX_MARKS) * MARK_OCTETS
    return slice(start, start + MARK_OCTETS)
