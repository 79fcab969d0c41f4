"""The file of shared counters: short transactions on the event loop, bounded in time, and left alone for a while after a failure.

Nothing in the file is durable: it is written without fsync and removed before the first worker starts.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import apsw

from compostela.base.errors import TemporaryFailure

T = TypeVar("T")
Execute = Callable[..., apsw.Cursor]
Job = Callable[[Execute], None]

FILE = "counters.db"
"""In the data folder."""
BUSY_SECONDS = 0.05
"""The longest that a transaction waits for those of other workers, which last some 0.1 ms."""
SPIN_SECONDS = 0.0002
RETRY_SECONDS = 2.0
"""After a failure the file is left alone for this long: the worker counts for itself meanwhile."""
TRIM_EVERY = 256
"""After so many keys that were added, those beyond the bound of a table are forgotten."""
_ENDINGS = ("", "-wal", "-shm", "-journal")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS failure (key TEXT PRIMARY KEY, since REAL, last REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attempt (key TEXT, attempt BLOB, PRIMARY KEY (key, attempt)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ban (number INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT UNIQUE, failures INTEGER, until REAL);
CREATE TABLE IF NOT EXISTS login (address TEXT PRIMARY KEY, at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ended_session (address TEXT PRIMARY KEY, at REAL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rate (key TEXT, seconds REAL, part INTEGER, present INTEGER, last INTEGER, used REAL,
    PRIMARY KEY (key, seconds)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS failure_last ON failure (last);
CREATE INDEX IF NOT EXISTS login_at ON login (at);
CREATE INDEX IF NOT EXISTS ended_session_at ON ended_session (at);
CREATE INDEX IF NOT EXISTS rate_used ON rate (used);
"""


def counters_files(data: Path) -> list[Path]:
    """What is removed before the first worker starts."""
    return [data / f"{FILE}{ending}" for ending in _ENDINGS]


class CountersFile:
    """One worker's connection. It is opened at the first call."""

    def __init__(self, data: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = data / FILE
        self._monotonic = monotonic
        self._connection: apsw.Connection | None = None
        self._away_until = 0.0
        self._added = 0

    def change(self, job: Callable[[Execute], T]) -> T:
        """Run a job in one transaction that no other worker's overlaps. Raises `TemporaryFailure`; then nothing is changed."""

        def whole(execute: Execute) -> T:
            execute("BEGIN IMMEDIATE")
            try:
                result = job(execute)
            except BaseException:
                execute("ROLLBACK")
                raise
            execute("COMMIT")
            return result

        return self._run(whole)

    def read(self, statement: str, bindings: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of one query. Raises `TemporaryFailure`."""
        return self._run(lambda execute: execute(statement, bindings).fetchall())

    def is_time_to_trim(self) -> bool:
        """Called for each key that is added; now and then True."""
        self._added += 1
        return self._added % TRIM_EVERY == 0

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _run(self, work: Callable[[Execute], T]) -> T:
        if self._monotonic() < self._away_until:
            raise TemporaryFailure("the shared counters failed a moment ago")
        try:
            if self._connection is None:
                self._connection = self._opened()
            return work(self._connection.execute)
        except (apsw.Error, OSError) as error:
            self._away_until = self._monotonic() + RETRY_SECONDS
            self.close()
            raise TemporaryFailure(f"the shared counters cannot be used: {error}") from error

    def _opened(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path))
        try:
            connection.set_busy_handler(_spin)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection


def _spin(tries: int) -> bool:
    """Whether SQLite waits on: its own pauses are of milliseconds, in which the loop would stand still."""
    if tries * SPIN_SECONDS >= BUSY_SECONDS:
        return False
    time.sleep(SPIN_SECONDS)
    return True
