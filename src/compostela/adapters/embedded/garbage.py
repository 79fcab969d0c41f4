"""Garbage collection: blobs that nothing refers to any more, files that no blob knows, mailboxes that were deleted,
runs that nobody takes up, triplets of greylisting past their time.

By generation: what was found without a reference in two collections running is removed, so that a reader who was given
a message before it was expunged has the time between two collections to read it. The transaction that removes a row looks
again whether anything refers to it, for a new mail with the same bytes may have come to do so; the file goes after the row.
"""

import asyncio
import contextlib
import logging
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.disk import DiskSpace
from compostela.adapters.embedded.greylist import cut_triplets, forget_old_triplets
from compostela.adapters.embedded.listener_cursors import forget_removed_groups
from compostela.adapters.embedded.listener_holds import HELD_BYTES, HELD_SECONDS, release
from compostela.adapters.embedded.mailbox_removal import purge_deleted
from compostela.adapters.embedded.mailbox_retention import trim_logs
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.unqueued_runs import forget_old_runs
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.mail.ports import KEPT_DAYS

_log = logging.getLogger(__name__)

COLLECT_SECONDS = 3600.0
SHORT_COLLECT_SECONDS = 60.0
"""While the disk is short of room, so that what users delete makes room soon."""
FILE_GRACE_SECONDS = 86400
"""A younger file may be on its way into the store."""
SCAN_ROWS = 20_000
"""Rows that one read transaction looks at."""
BATCH = 100
"""Rows or files that one write transaction looks at."""
MOST = 0.5
"""If more than this part of the old files is unknown, the database is in doubt and none is removed."""
CLOCK_SECONDS = 1.0
"""How much the times of files may lag behind the clock."""
_CREATED_AT = "SELECT value FROM setting WHERE name = 'created-at'"
_UNREFERENCED = """NOT EXISTS (SELECT 1 FROM message WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM queue_entry WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM repository_mail WHERE body = blob.id)"""
_LAST_ROW = "SELECT max(id) FROM blob"
_FIND = f"SELECT id FROM blob WHERE id BETWEEN ? AND ? AND {_UNREFERENCED}"
_REMOVE = f"DELETE FROM blob WHERE id = ? AND {_UNREFERENCED} AND (file IS NULL OR ?) RETURNING file"


class GarbageCollector:
    """Each process may have one; they do not disturb each other."""

    def __init__(self, writer: Writer, reader: Reader, blobs: EmbeddedBlobs, disk: DiskSpace) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._disk = disk
        self._suspects: set[int] = set()
        self._is_in_doubt = False
        self.held_seconds = HELD_SECONDS
        """How long logs, deleted mailboxes and expunged messages are kept for slow listener groups at most, in seconds."""
        self.held_bytes = HELD_BYTES
        """How many octets of logs, and how many of deleted mailboxes and messages, are kept for them at most."""
        self.withheld: str | None = None
        """What the last sweep did not remove, and what to do; None if it kept nothing back."""

    async def run(self) -> None:
        """For ever: once at the start for mailboxes that a crash left half deleted, then once an hour, or once a minute
        while the disk is short of room."""
        while True:
            try:
                await purge_deleted(self._writer)
                await forget_removed_groups(self._writer)
                await self._wait()
                await self.collect()
            except Exception:
                _log.exception("garbage collection failed; it will be tried again")
                await asyncio.sleep(COLLECT_SECONDS)

    async def _wait(self) -> None:
        end = time.monotonic() + COLLECT_SECONDS
        while time.monotonic() < end:
            await asyncio.sleep(SHORT_COLLECT_SECONDS)
            if self._disk.is_short():
                return

    async def collect(self) -> int:
        """One collection; tells how many blobs it removed. If the database is in doubt (see `_without_doubt`) no file goes."""
        await self.sweep()
        await release(self._writer, self._reader, time.time(), self.held_seconds, self.held_bytes)
        await purge_deleted(self._writer)
        found = await self._unreferenced()
        condemned = sorted(found & self._suspects)
        self._suspects = found.difference(condemned)
        removed = 0
        for start in range(0, len(condemned), BATCH):
            removed += await self._remove(condemned[start : start + BATCH])
        await trim_logs(
            self._writer, self._reader, time.time(), held_seconds=self.held_seconds, held_bytes=self.held_bytes
        )
        await forget_old_runs(self._writer, time.time() - KEPT_DAYS * 86400)
        await forget_old_triplets(self._writer, time.time())
        await cut_triplets(self._writer)
        return removed

    async def _unreferenced(self) -> set[int]:
        last = self._reader.execute(_LAST_ROW).fetchone()[0] or 0
        found: set[int] = set()
        for start in range(1, last + 1, SCAN_ROWS):

            def read(execute: Execute, first: int = start) -> list[int]:
                return [row[0] for row in execute(_FIND, (first, first + SCAN_ROWS - 1)).fetchall()]

            found.update(await self._reader.scan(read))
        return found

    async def _remove(self, rows: Sequence[int]) -> int:
        with_files = not self._is_in_doubt

        def job(tx: Transaction) -> list[str | None]:
            return [row[0] for blob in rows for row in tx.execute(_REMOVE, (blob, with_files)).fetchall()]

        files = await self._writer.run(job, frees_space=True, is_long=True)
        await asyncio.to_thread(self._unlink, [file for file in files if file is not None])
        return len(files)

    async def sweep(self, grace_seconds: float = FILE_GRACE_SECONDS) -> int:
        """Removes files that no row knows; tells how many. `withheld` tells of those that are kept all the same."""
        old = await asyncio.to_thread(_old_files, self._blobs.folder, time.time() - grace_seconds)
        garbage = self._without_doubt(old, await self._unknown([file.name for file in old]))
        removed = 0
        for start in range(0, len(garbage), BATCH):
            batch = garbage[start : start + BATCH]

            def job(tx: Transaction, names: list[str] = batch) -> list[str]:
                return [name for name in names if not self._blobs.is_known(tx.execute, name)]

            unknown = await self._writer.run(job, frees_space=True, is_long=True)
            await asyncio.to_thread(self._unlink, unknown)
            removed += len(unknown)
        return removed

    async def _unknown(self, names: Sequence[str]) -> set[str]:
        unknown: set[str] = set()
        for start in range(0, len(names), SCAN_ROWS):

            def read(execute: Execute, part: Sequence[str] = names[start : start + SCAN_ROWS]) -> list[str]:
                return [name for name in part if not self._blobs.is_known(execute, name)]

            unknown.update(await self._reader.scan(read))
        return unknown

    def _without_doubt(self, old: "Sequence[_OldFile]", unknown: set[str]) -> list[str]:
        """Of the unknown files those that are garbage for certain. A database that knows few of the files, or came after
        them, is not the one that they belong to."""
        row = self._reader.execute(_CREATED_AT).fetchone()
        created_at = float(row[0]) - CLOCK_SECONDS if row is not None else 0.0
        certain = [file.name for file in old if file.name in unknown and file.changed_at >= created_at]
        self._is_in_doubt = len(unknown) > MOST * len(old)
        if self._is_in_doubt:
            certain = []
        kept = sorted(unknown.difference(certain))
        before, self.withheld = self.withheld, None
        if kept:
            self.withheld = (
                f"{len(kept)} of {len(old)} files in {self._blobs.folder} are unknown to the database and are not deleted: "
                f"if it is an old or wrong database, put the right one back; if not, move the files away ({kept[0]} is one)"
            )
        if self.withheld is not None and self.withheld != before:
            _log.error("garbage collection keeps unknown files: %s", self.withheld)
        return certain

    def _unlink(self, files: Sequence[str]) -> None:
        for file in files:
            self._blobs.path(file).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _OldFile:
    name: str
    changed_at: float


def _old_files(folder: Path, before: float) -> list[_OldFile]:
    found = []
    for path in folder.glob("*/*"):
        # a file may go while they are looked at
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
                found.append(_OldFile(f"{path.parent.name}/{path.name}", status.st_mtime))
    return found
