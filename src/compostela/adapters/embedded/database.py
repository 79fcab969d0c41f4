"""Opening the database of a data folder."""

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import apsw

from compostela.base.errors import StorageFull, TemporaryFailure

DATABASE_NAME = "compostela.sqlite"
_CACHE_KIB = 16 * 1024
_WAIT_SECONDS = 10
_FULL = (apsw.SQLITE_IOERR_SHMSIZE, apsw.SQLITE_IOERR_SHMOPEN)
"""What SQLite says when there is no block for the index of the log."""


class Rows(Protocol):
    """The rows of a statement. Any: what a column holds is known by the statement alone."""

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Execute(Protocol):
    """`apsw.Connection.execute` as the adapter uses it."""

    def __call__(self, statements: str, bindings: tuple[Any, ...] = ..., /) -> Rows: ...


def connect(path: Path, *, read_only: bool = False) -> apsw.Connection:
    """A connection for one thread. Commits are durable (synchronous=FULL: the log is synced at every commit); nothing waits
    in SQLite's busy handler, since writers queue at the file lock of `Writer`; checkpoints are not run by commits."""
    flags = apsw.SQLITE_OPEN_READONLY if read_only else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(os.fspath(path), flags=flags | apsw.SQLITE_OPEN_NOMUTEX, statementcachesize=400)
    # no statistics are kept: without this SQLite prepares a statement with a range again for each value that is bound
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
    connection.set_busy_timeout(_WAIT_SECONDS * 1000)
    pragmas = ["PRAGMA foreign_keys=OFF", f"PRAGMA cache_size=-{_CACHE_KIB}", "PRAGMA temp_store=MEMORY"]
    if not read_only:
        _write_ahead(connection)
        pragmas += ["PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0"]
    for pragma in pragmas:
        connection.execute(pragma).fetchall()
    return connection


def _write_ahead(connection: apsw.Connection) -> None:
    """Chooses the write-ahead log. Of several processes that make one database each needs it for itself for a moment, and SQLite
    refuses at once instead of waiting, since two that wait for each other would wait for ever: so this tries again."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            return
        except apsw.BusyError:
            if time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.001, 0.02))


def translated(error: apsw.Error) -> Exception:
    """Ours for a driver's error: full disk, or anything else that may pass."""
    if isinstance(error, apsw.FullError) or getattr(error, "extendedresult", None) in _FULL:
        return StorageFull("the disk is full")
    return TemporaryFailure(f"the database failed: {error}")
