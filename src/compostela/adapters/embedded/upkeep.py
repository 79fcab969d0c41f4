"""What keeps a data folder small: checkpoints of the write-ahead log, removal of blobs that nobody refers to."""

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path

import apsw

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import connect
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock

_log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
CHECKPOINT_AT_BYTES = 4 * 1024 * 1024
"""A log of this size is copied into the database, beside the writers."""
TRUNCATE_AT_BYTES = 64 * 1024 * 1024
"""A log of this size makes the writers wait until it is empty again."""
COLLECT_SECONDS = 3600.0
GRACE_SECONDS = 86400
"""Younger blobs and files are left alone."""
BATCH = 200
_DEAD = """SELECT id, file FROM blob WHERE id > ? AND created_at < ?
    AND NOT EXISTS (SELECT 1 FROM message WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM queue_entry WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM repository_mail WHERE body = blob.id) ORDER BY id LIMIT ?"""


class Checkpointer:
    """Runs checkpoints on a connection and a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._connection = connect(path)
        self._lock_file = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CLOEXEC)
        self._done_bytes = 0

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(CHECKPOINT_SECONDS)
            size = self._log_bytes()
            if size >= TRUNCATE_AT_BYTES or abs(size - self._done_bytes) >= CHECKPOINT_AT_BYTES:
                with contextlib.suppress(apsw.BusyError):
                    await asyncio.to_thread(self.checkpoint, truncate=size >= TRUNCATE_AT_BYTES)

    def checkpoint(self, *, truncate: bool) -> None:
        """Copies the log into the database; with `truncate` under the writers' lock, so that it comes to an end."""
        self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if truncate:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX)
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            finally:
                fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        self._done_bytes = self._log_bytes()

    def _log_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def close(self) -> None:
        self._connection.close()
        os.close(self._lock_file)


class GarbageCollector:
    """Removes blobs without a reference: the row in a transaction that looks again, then the file."""

    def __init__(self, writer: Writer, blobs: EmbeddedBlobs, clock: Clock) -> None:
        self._writer = writer
        self._blobs = blobs
        self._clock = clock

    async def run(self) -> None:
        """For ever, once an hour."""
        while True:
            await asyncio.sleep(COLLECT_SECONDS)
            try:
                await self.collect()
            except Exception:
                _log.exception("garbage collection failed; it will be tried again")

    async def collect(self, grace_seconds: int = GRACE_SECONDS) -> int:
        """How many blobs were removed. Files that no row knows are removed too, when they are old enough."""
        removed, last = 0, 0
        before = int(self._clock.now()) - grace_seconds
        while True:

            def job(tx: Transaction, after: int = last) -> list[tuple[int, str | None]]:
                rows = tx.execute(_DEAD, (after, before, BATCH)).fetchall()
                for row_id, _ in rows:
                    tx.execute("DELETE FROM blob WHERE id = ?", (row_id,))
                return rows

            rows = await self._writer.run(job)
            for _, file in rows:
                if file is not None:
                    self._blobs.path(file).unlink(missing_ok=True)
            removed += len(rows)
            if len(rows) < BATCH:
                break
            last = rows[-1][0]
        await self._sweep(grace_seconds)
        return removed

    async def _sweep(self, grace_seconds: int) -> None:
        old = await asyncio.to_thread(_old_files, self._blobs.folder, time.time() - grace_seconds)
        for start in range(0, len(old), BATCH):
            batch = old[start : start + BATCH]

            def job(tx: Transaction, names: list[str] = batch) -> list[str]:
                return [n for n in names if tx.execute("SELECT 1 FROM blob WHERE file = ?", (n,)).fetchone() is None]

            for name in await self._writer.run(job):
                self._blobs.path(name).unlink(missing_ok=True)


def _old_files(folder: Path, before: float) -> list[str]:
    return [
        f"{path.parent.name}/{path.name}"
        for path in folder.glob("*/*")
        if path.is_file() and path.stat().st_mtime < before
    ]
