"""Group commit: one thread a process does all writes of a database.

The thread drains what is waiting into one transaction, each job in a savepoint of its own, commits once and wakes every
waiter. So sixty-four waiters share one fsync, and a job that fails does not fail its neighbours. Processes that share the
database queue at a `WriteLock` before BEGIN IMMEDIATE: fair, unlike SQLite's busy handler. A batch is bounded in jobs and
in time, so that nobody in that queue waits long.
"""

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from compostela.adapters.embedded.database import Execute, connect, translated
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.write_lock import WriteLock
from compostela.base.errors import StorageFull, TemporaryFailure

T = TypeVar("T")

MAX_BATCH = 256
"""Jobs in one transaction."""
MAX_BATCH_SECONDS = 0.04
"""No further job is begun in a transaction that has lasted so long."""


class Transaction:
    """What a job works with: runs on the writer thread, inside the batch's transaction."""

    __slots__ = ("after_commit", "connection", "execute")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.execute: Execute = connection.execute
        self.after_commit: list[Callable[[], None]] = []
        """Called on the event loop after the commit, before the job's waiter goes on; not when the job failed."""


class _Waiting(Generic[T]):
    __slots__ = ("after_commit", "error", "frees_space", "future", "job", "loop", "result")

    def __init__(self, job: Callable[[Transaction], T], loop: asyncio.AbstractEventLoop, frees_space: bool) -> None:
        self.job = job
        self.loop = loop
        self.frees_space = frees_space
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.after_commit: list[Callable[[], None]] = []


class Writer:
    """Owns the writing connection. `run` may be called from any event loop of the process."""

    def __init__(self, path: Path, log_grew: Callable[[int], None]) -> None:
        """`log_grew` is told on the writer thread, after each commit, how many pages the write-ahead log holds."""
        self._connection = connect(path)

        def committed(_connection: apsw.Connection, _database: str, pages: int) -> int:
            log_grew(pages)
            return apsw.SQLITE_OK

        self._connection.set_wal_hook(committed)
        self._lock = WriteLock(path)
        self.reserve = Reserve(path.with_name("reserve"))
        self._queue: queue.SimpleQueue[_Waiting[Any] | None] = queue.SimpleQueue()
        self._backlog: deque[_Waiting[Any]] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Transaction], T], *, frees_space: bool = False) -> T:
        """Runs `job(transaction)` and returns its result once it is durable. What the job raises is raised here and leaves
        no trace in the database. Raises `StorageFull` or `TemporaryFailure` when the commit fails.

        A job may be run twice (after a failed batch): it must have no effect but on the transaction. When the waiting task
        is cancelled the job still runs: a half-done write is never interrupted. One that `frees_space` is done on a full
        disk too, from the reserve; until that is whole again every other job is refused."""
        if self._closed:
            raise TemporaryFailure("the store is closed")
        if self.reserve.is_used and not frees_space:
            raise StorageFull("the disk is full")
        waiting = _Waiting(job, asyncio.get_running_loop(), frees_space)
        self._queue.put(waiting)
        return await waiting.future

    async def close(self) -> None:
        """Finishes what was submitted and stops the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._connection.close()
            self._lock.close()

    # What follows runs on the writer thread.

    def _work(self) -> None:
        is_open = True
        while is_open or self._backlog:
            is_open = self._fill(is_open)
            if self._backlog:
                _deliver(self._commit())

    def _fill(self, is_open: bool) -> bool:
        """Takes what has been submitted, waiting only when there is nothing to do. False when nothing more will come."""
        backlog = self._backlog
        try:
            while is_open and len(backlog) < MAX_BATCH:
                waiting = self._queue.get(block=not backlog)
                if waiting is None:
                    return False
                backlog.append(waiting)
        except queue.Empty:
            pass
        return is_open

    def _commit(self) -> list[_Waiting[Any]]:
        with self._lock.held():
            batch, error = self._transact(self._backlog)
        if error is not None:
            # one job may have filled the disk for all: each gets a transaction of its own
            for waiting in batch:
                self._commit_alone(waiting)
        return batch

    def _commit_alone(self, waiting: _Waiting[Any]) -> None:
        error: Exception | None = None
        for _ in range(2):
            with self._lock.held():
                _, error = self._transact(deque([waiting]))
            if not (isinstance(error, StorageFull) and waiting.frees_space and self.reserve.release()):
                break
        if error is not None:
            waiting.error = error

    def _transact(self, jobs: deque[_Waiting[Any]]) -> tuple[list[_Waiting[Any]], Exception | None]:
        """Takes jobs from the left into one transaction. Gives them with what failed the whole of it; a job that failed on
        its own account is committed without its changes."""
        connection = self._connection
        batch = [jobs.popleft()]
        until = time.monotonic() + MAX_BATCH_SECONDS
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._run_job(batch[0])
            while jobs and time.monotonic() < until:
                batch.append(jobs.popleft())
                self._run_job(batch[-1])
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if not isinstance(error, apsw.Error):
                return batch, error
            failure = translated(error)
            failure.__cause__ = error
            return batch, failure
        return batch, None

    def _run_job(self, waiting: _Waiting[Any]) -> None:
        transaction = Transaction(self._connection)
        waiting.error = None
        self._connection.execute("SAVEPOINT job")
        try:
            waiting.result = waiting.job(transaction)
            waiting.after_commit = transaction.after_commit
        except Exception as error:
            if isinstance(error, (apsw.FullError, apsw.IOError)) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO job")
            waiting.error = translated(error) if isinstance(error, apsw.Error) else error
        self._connection.execute("RELEASE job")


def _deliver(batch: list[_Waiting[Any]]) -> None:
    loops: dict[asyncio.AbstractEventLoop, list[_Waiting[Any]]] = {}
    for waiting in batch:
        loops.setdefault(waiting.loop, []).append(waiting)
    for loop, waiters in loops.items():
        try:
            loop.call_soon_threadsafe(_wake, waiters)
        except RuntimeError:
            continue  # that loop is closed: nobody is waiting any more


def _wake(waiters: list[_Waiting[Any]]) -> None:
    for waiting in waiters:
        if waiting.error is None:
            for callback in waiting.after_commit:
                callback()
        if waiting.future.cancelled():
            continue
        if waiting.error is not None:
            waiting.future.set_exception(waiting.error)
        else:
            waiting.future.set_result(waiting.result)
