"""Reading on the event loop: short, indexed, and never across an `await`."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import local
from typing import Any, TypeVar

import apsw

from compostela.adapters.embedded.database import Execute, Rows, connect, translated

T = TypeVar("T")

SCAN_THREADS = 2
PAGE_BYTES = 4096


class _Cursor(apsw.Cursor):
    """Raises our errors also for a failure after the first row."""

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except apsw.Error as error:
            raise translated(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except apsw.Error as error:
            raise translated(error) from error


class Reader:
    """One reading connection for the loop, and a few threads with their own for long scans.

    A statement's cursor must be used up before the next `await`: an open one pins the write-ahead log. (A cursor
    without references is closed, so `execute(...).fetchone()` is right.)"""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = connect(path, read_only=True)
        self._connection.cursor_factory = _Cursor
        self._threads = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="scan")
        self._own = local()

    def execute(self, sql: str, bindings: tuple[Any, ...] = (), /) -> Rows:
        """Raises `TemporaryFailure` for what the driver raises."""
        try:
            return self._connection.execute(sql, bindings)
        except apsw.Error as error:
            raise translated(error) from error

    @contextmanager
    def snapshot(self) -> Iterator[Execute]:
        """Several statements on the loop that see one moment. No `await` inside."""
        self.execute("BEGIN")
        try:
            yield self.execute
        finally:
            self.execute("COMMIT")

    async def scan(self, read: Callable[[Execute], T]) -> T:
        """Runs `read(execute)` on a thread of its own, inside one read transaction."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._scan, read)

    def _scan(self, read: Callable[[Execute], T]) -> T:
        connection: apsw.Connection | None = getattr(self._own, "connection", None)
        try:
            if connection is None:
                connection = self._own.connection = connect(self._path, read_only=True)
            connection.execute("BEGIN")
            try:
                return read(connection.execute)
            finally:
                connection.execute("COMMIT")
        except apsw.Error as error:
            raise translated(error) from error

    def reusable_bytes(self) -> int:
        """What the database may take before its file grows."""
        return int(self.execute("PRAGMA freelist_count").fetchone()[0]) * PAGE_BYTES

    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        return int(self.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Waits for the scans that are under way."""
        self._threads.shutdown(wait=True)
        self._connection.close()
