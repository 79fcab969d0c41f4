"""Reading on the event loop: short, indexed, and never across an `await`."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any, TypeVar

import apsw

from compostela.adapters.embedded.database import Execute, Rows, connect, translated

T = TypeVar("T")

SCAN_THREADS = 2


class Reader:
    """One reading connection for the loop, and a few threads with their own for long scans.

    A statement's cursor must be used up before the next `await`: an open one pins the write-ahead log. (A cursor that
    nobody refers to any more is closed, so `execute(...).fetchone()` is right.)"""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.connection = connect(path, read_only=True)
        self._threads = ThreadPoolExecutor(SCAN_THREADS, thread_name_prefix="scan")
        self._own = local()

    def execute(self, sql: str, bindings: tuple[Any, ...] = ()) -> Rows:
        """Raises `TemporaryFailure` for what the driver raises."""
        try:
            return self.connection.execute(sql, bindings)
        except apsw.Error as error:
            raise translated(error) from error

    async def scan(self, read: Callable[[Execute], T]) -> T:
        """Runs `read(execute)` on a thread of its own, inside one read transaction."""

        def work() -> T:
            connection: apsw.Connection | None = getattr(self._own, "connection", None)
            if connection is None:
                connection = self._own.connection = connect(self._path, read_only=True)
            try:
                connection.execute("BEGIN")
                try:
                    return read(connection.execute)
                finally:
                    connection.execute("COMMIT")
            except apsw.Error as error:
                raise translated(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def data_version(self) -> int:
        """Changes whenever another connection has committed."""
        return int(self.connection.execute("PRAGMA data_version").get)

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self.connection.close()
