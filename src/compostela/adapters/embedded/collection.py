"""The collection of blobs that nothing refers to, and of files that no row knows. See `compostela.core.blob.ports.BlobGarbage`.

A collection notes in the database what it finds without reference. What an earlier one found long enough ago is removed, in a
transaction that looks again whether anything refers to it, for a new mail with the same bytes may have come to do so; the file
goes after the row. A crash between the two leaves a file that no row knows, which a later collection removes.

A position is `<stage>:<row after which it goes on>:<when the collection began>:<1 if the database is in doubt>`.
"""

import asyncio
import contextlib
import logging
import re
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.embedded.backup_lock import removing_files
from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.file_bodies import UNREFERRED_MODE
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import InvalidArgument, StorageFull
from compostela.core.blob.references import CollectedPart

_log = logging.getLogger(__name__)

UNREFERENCED_SECONDS = 3000.0
"""How long a blob stays after a collection found it without reference. A little less than the hour between two collections."""
FILE_GRACE_SECONDS = 86400.0
"""A younger file may be on its way into the store."""
SCAN_ROWS = 20_000
"""Rows that one read transaction looks at."""
BATCH = 100
"""Rows or files that one write transaction looks at."""
MOST = 0.5
"""If more than this part of the old files was known to a database and is unknown to this one, it is in doubt: none of them is removed."""
CLOCK_SECONDS = 1.0
"""Seconds by which the times of files may be older than the clock."""
_CREATED_AT = "SELECT value FROM setting WHERE name = 'created-at'"
_WITHHELD = "SELECT value FROM setting WHERE name = 'withheld-files'"
_SET_WITHHELD = "INSERT OR REPLACE INTO setting VALUES ('withheld-files', ?)"
_CLEAR_WITHHELD = "DELETE FROM setting WHERE name = 'withheld-files'"
_UNREFERENCED = """NOT EXISTS (SELECT 1 FROM message WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM queue_entry WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM repository_mail WHERE body = blob.id)
    AND NOT EXISTS (SELECT 1 FROM blob_reference WHERE digest = blob.digest)"""
_LAST_ROW = "SELECT max(id) FROM blob"
_COUNT = "SELECT count(*) FROM blob WHERE id BETWEEN ? AND ?"
_FIND = f"SELECT id FROM blob WHERE id BETWEEN ? AND ? AND {_UNREFERENCED}"
# after a clock that was wrong, no suspect waits until a far time
_SUSPECT = "INSERT INTO blob_suspect VALUES (?, ?) ON CONFLICT DO UPDATE SET since = min(since, excluded.since)"
_CONDEMNED = "SELECT blob FROM blob_suspect WHERE blob > ? AND since < ? ORDER BY blob LIMIT ?"
_REMOVE = f"DELETE FROM blob WHERE id = ? AND {_UNREFERENCED} AND (file IS NULL OR ?) RETURNING file"
_ACQUIT = f"""DELETE FROM blob_suspect WHERE blob = ?1
    AND NOT EXISTS (SELECT 1 FROM blob WHERE id = ?1 AND {_UNREFERENCED})"""
_POSITION = re.compile(r"(rows|remove):([0-9]+):([0-9.]+):([01])\Z")


@dataclass(frozen=True, slots=True)
class _Position:
    stage: str
    after: int
    began_at: float
    is_in_doubt: bool

    def __str__(self) -> str:
        return f"{self.stage}:{self.after}:{self.began_at!r}:{self.is_in_doubt:d}"

    @classmethod
    def parse(cls, text: str) -> "_Position":
        found = _POSITION.match(text)
        if found is None:
            raise InvalidArgument(f"{text!r} is not a position of a collection")
        return cls(found[1], int(found[2]), float(found[3]), found[4] == "1")


class BlobCollector:
    """Each process may have one; they do not disturb each other."""

    def __init__(self, writer: Writer, reader: Reader, blobs: EmbeddedBlobs) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs

    @property
    def withheld(self) -> str | None:
        """What the last sweep of any process did not remove, and what to do; None if it kept nothing back."""
        row = self._reader.execute(_WITHHELD).fetchone()
        return None if row is None else str(row[0])

    async def collect(
        self, position: str | None, limit: int, unreferenced_seconds: float = UNREFERENCED_SECONDS
    ) -> CollectedPart:
        """See `compostela.core.blob.ports`. Sweeps the files, then looks at the rows, then removes.

        `unreferenced_seconds`: how long a blob stays after a collection found it without reference. While a backup runs nothing is
        removed: the collection ends."""
        with removing_files(self._blobs.folder.parent) as may_remove:
            if not may_remove:
                return CollectedPart(None)
            return await self._collect(position, limit, unreferenced_seconds)

    async def _collect(self, position: str | None, limit: int, unreferenced_seconds: float) -> CollectedPart:
        if position is None:
            began_at = time.time()
            is_in_doubt = await self._sweep(FILE_GRACE_SECONDS)
            return CollectedPart(str(_Position("rows", 0, began_at, is_in_doubt)))
        at = _Position.parse(position)
        return await (
            self._look(at) if at.stage == "rows" else self._remove(at, unreferenced_seconds, min(limit, BATCH))
        )

    async def sweep(self, grace_seconds: float = FILE_GRACE_SECONDS) -> None:
        """Removes files that no row knows, unless a backup runs. `withheld` tells of those that are kept all the same."""
        with removing_files(self._blobs.folder.parent) as may_remove:
            if may_remove:
                await self._sweep(grace_seconds)

    async def _look(self, at: _Position) -> CollectedPart:
        """Notes which of the next rows have no reference."""
        first, last = at.after + 1, at.after + SCAN_ROWS

        def read(execute: Execute) -> tuple[int, list[int], int]:
            looked = execute(_COUNT, (first, last)).fetchone()[0]
            found = [row[0] for row in execute(_FIND, (first, last)).fetchall()]
            return looked, found, execute(_LAST_ROW).fetchone()[0] or 0

        looked, found, end = await self._reader.scan(read)
        is_noted = await self._suspect(found)
        following = _Position("rows", last, at.began_at, at.is_in_doubt)
        if last >= end or not is_noted:
            following = _Position("remove", 0, at.began_at, at.is_in_doubt)
        return CollectedPart(str(following), looked=looked, referred=looked - len(found))

    async def _suspect(self, rows: Sequence[int]) -> bool:
        """Notes rows without reference. Returns False if the disk is full: removing those that are noted makes room first."""
        now = time.time()
        for start in range(0, len(rows), BATCH):

            def job(tx: Transaction, batch: Sequence[int] = rows[start : start + BATCH]) -> None:
                for blob in batch:
                    tx.execute(_SUSPECT, (blob, now))

            try:
                await self._writer.run(job, frees_space=True, is_long=True)
            except StorageFull:
                return False
        return True

    async def _remove(self, at: _Position, unreferenced_seconds: float, limit: int) -> CollectedPart:
        """Removes the next of those that an earlier collection noted."""
        before = at.began_at - unreferenced_seconds
        condemned = [row[0] for row in self._reader.execute(_CONDEMNED, (at.after, before, limit)).fetchall()]
        if not condemned:
            return CollectedPart(None)

        def job(tx: Transaction) -> list[str | None]:
            files: list[str | None] = []
            for blob in condemned:
                files += [row[0] for row in tx.execute(_REMOVE, (blob, not at.is_in_doubt)).fetchall()]
                tx.execute(_ACQUIT, (blob,))
            # before the commit: after a crash the sweep knows that they are garbage
            self._mark([file for file in files if file is not None])
            return files

        files = await self._writer.run(job, frees_space=True, is_long=True)
        failed = await asyncio.to_thread(self._unlink, [file for file in files if file is not None])
        following = _Position("remove", condemned[-1], at.began_at, at.is_in_doubt)
        return CollectedPart(str(following), removed=len(files), failed=failed)

    async def _sweep(self, grace_seconds: float) -> bool:
        """Returns True if the database is in doubt."""
        old = await asyncio.to_thread(_old_files, self._blobs.folder, time.time() - grace_seconds)
        unknown = await self._unknown([file.name for file in old])
        unreferred = [file.name for file in old if file.name in unknown and file.is_unreferred]
        unknown.difference_update(unreferred)
        known = len(old) - len(unreferred) - len(unknown)
        is_in_doubt = len(unknown) > MOST * (known + len(unknown))
        garbage = unreferred + ([] if is_in_doubt else self._certain(old, unknown))
        await self._tell(len(old), unknown.difference(garbage))
        for start in range(0, len(garbage), BATCH):
            batch = garbage[start : start + BATCH]

            # in the transaction: after a jump of the clock a file that looks old may be on its way in, and get its row next
            def job(tx: Transaction, names: list[str] = batch) -> None:
                self._unlink([name for name in names if not self._blobs.is_known(tx.execute, name)])

            await self._writer.run(job, frees_space=True, is_long=True)
        return is_in_doubt

    async def _unknown(self, names: Sequence[str]) -> set[str]:
        unknown: set[str] = set()
        for start in range(0, len(names), SCAN_ROWS):

            def read(execute: Execute, part: Sequence[str] = names[start : start + SCAN_ROWS]) -> list[str]:
                return [name for name in part if not self._blobs.is_known(execute, name)]

            unknown.update(await self._reader.scan(read))
        return unknown

    def _certain(self, old: "Sequence[_OldFile]", unknown: set[str]) -> list[str]:
        """Of the unknown files those that came after the database: others belong to the one before it."""
        row = self._reader.execute(_CREATED_AT).fetchone()
        created_at = float(row[0]) - CLOCK_SECONDS if row is not None else 0.0
        return [file.name for file in old if file.name in unknown and file.changed_at >= created_at]

    async def _tell(self, old: int, kept: set[str]) -> None:
        """Keeps what is withheld where the health checks of all processes find it."""
        text = None
        if kept:
            text = (
                f"{len(kept)} of {old} files in {self._blobs.folder} are unknown to the database and are not deleted: "
                f"if it is an old or wrong database, put the right one back; if not, move the files away ({min(kept)} is one)"
            )
        if text == self.withheld:
            return
        if text is None:
            await self._writer.execute(_CLEAR_WITHHELD, frees_space=True)
            return
        _log.error("garbage collection keeps unknown files: %s", text)
        await self._writer.execute(_SET_WITHHELD, (text,), frees_space=True)

    def _mark(self, files: Sequence[str]) -> None:
        """As ones that no row names. One that cannot be marked is told from others by the time of its change alone."""
        for file in files:
            with contextlib.suppress(OSError):
                self._blobs.path(file).chmod(UNREFERRED_MODE)

    def _unlink(self, files: Sequence[str]) -> int:
        """Removes files and returns how many could not be removed."""
        failed = 0
        for file in files:
            try:
                self._blobs.path(file).unlink(missing_ok=True)
            except OSError as error:
                failed += 1
                _log.warning("the file of a removed body cannot be deleted: %s", error, extra={"file": file})
        return failed


@dataclass(frozen=True, slots=True)
class _OldFile:
    name: str
    changed_at: float
    is_unreferred: bool
    """Its mode says that no row names it."""


def _old_files(folder: Path, before: float) -> list[_OldFile]:
    found = []
    for path in folder.glob("*/*"):
        # a file may go while they are looked at
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mtime < before:
                is_unreferred = stat.S_IMODE(status.st_mode) == UNREFERRED_MODE
                found.append(_OldFile(f"{path.parent.name}/{path.name}", status.st_mtime, is_unreferred))
    return found
