"""Checkpoints: what the write-ahead log holds is copied into the database, beside the writers and readers.

A commit never runs one. The writer tells how long the log has grown; a thread with a connection of its own copies it, and
when the log is too long it also makes the writers begin it anew, which they wait for.
"""

import logging
import threading
from pathlib import Path

import apsw

from compostela.adapters.embedded.database import connect
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.write_lock import WriteLock

_log = logging.getLogger(__name__)

COPY_PAGES = 1000
"""A log that has grown by so many pages (4 KiB each) is copied."""
RESTART_PAGES = 8000
"""A log of so many pages is begun anew under the writers' lock: the file stays, so that commits write into blocks which it
has already."""
TIGHT_COPY_PAGES, TIGHT_RESTART_PAGES = 200, 400
"""The same while the reserve is in use: a log that grows would eat up what deletions need."""
_BUSY_MILLISECONDS = 50
"""Milliseconds that a restart of the log waits for readers to end; writers wait meanwhile."""


class Checkpointer:
    """`log_grew` may be called from any thread; the rest happens on the checkpointer's own."""

    def __init__(self, path: Path, reserve: Reserve) -> None:
        self._reserve = reserve
        self._connection = connect(path)
        self._connection.set_busy_timeout(_BUSY_MILLISECONDS)
        self._lock = WriteLock(path)
        self._pages = 0
        self._copied_at = 0
        self._closed = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def log_grew(self, pages: int) -> None:
        """`pages`: what the log holds after a commit."""
        self._pages = pages
        if pages < self._copied_at:
            self._copied_at = 0
        if pages - self._copied_at >= (TIGHT_COPY_PAGES if self._reserve.is_used else COPY_PAGES):
            self._copied_at = pages
            self._wake.set()

    def close(self) -> None:
        """Waits for a checkpoint that is under way."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        self._connection.close()
        self._lock.close()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            if self._closed:
                return
            try:
                limit = TIGHT_RESTART_PAGES if self._reserve.is_used else RESTART_PAGES
                self.checkpoint(restart=self._pages >= limit)
            except apsw.BusyError:
                continue  # another process is at it, or a reader is slow: the next commits bring it up again
            except apsw.FullError:
                # a deletion will take the reserve, and this first of all; until then others cannot take it
                _log.error("the disk is full: the database cannot take in its log; it will be tried again")
            except apsw.Error:
                _log.exception("a checkpoint failed; it will be tried again")

    def checkpoint(self, *, restart: bool) -> None:
        """Copies the log; with `restart` its last pages under the writers' lock, so that the next commit begins it anew."""
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if restart:
            with self._lock.held():
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
