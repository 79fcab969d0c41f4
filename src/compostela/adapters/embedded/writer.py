"""Group commit: one thread a process does all writes of a database.

The thread drains what is waiting into one transaction, each job in a savepoint of its own, commits once and wakes every
waiter. So sixty-four waiters share one fsync, and a job that fails does not fail its neighbours. Processes that share the
database queue at a blocking file lock before BEGIN IMMEDIATE: fair, unlike SQLite's busy handler.
"""

import asyncio
import fcntl
import os
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from compostela.adapters.embedded.database import Execute, connect, translated
from compostela.base.errors import TemporaryFailure

T = TypeVar("T")

MAX_BATCH = 256
"""Jobs in one transaction: bounds how long another process waits."""


class Transaction:
    """What a job works with: runs on the writer thread, inside the batch's transaction."""

    __slots__ = ("after_commit", "connection", "execute")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.execute: Execute = connection.execute
        self.after_commit: list[Callable[[], None]] = []
        """Called on the event loop after the commit, before the job's waiter goes on; not when the job failed."""


class _Waiting(Generic[T]):
    __slots__ = ("after_commit", "error", "future", "job", "loop", "result")

    def __init__(self, job: Callable[[Transaction], T], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.after_commit: list[Callable[[], None]] = []


class Writer:
    """Owns the writing connection. `run` may be called from any event loop of the process."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path)
        self._lock_file = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._queue: queue.SimpleQueue[_Waiting[Any] | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Transaction], T]) -> T:
        """Runs `job(transaction)` and returns its result once it is durable. What the job raises is raised here and leaves
        no trace in the database. Raises `StorageFull` or `TemporaryFailure` when the commit fails.

        A job may be run twice (after a failed batch): it must have no effect but on the transaction. When the waiting task
        is cancelled the job still runs: a half-done write is never interrupted."""
        if self._closed:
            raise TemporaryFailure("the store is closed")
        waiting = _Waiting(job, asyncio.get_running_loop())
        self._queue.put(waiting)
        return await waiting.future

    async def close(self) -> None:
        """Finishes what was submitted and stops the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            self._connection.close()
            os.close(self._lock_file)

    # on the writer thread

    def _work(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch, last = self._drain(first)
            self._commit(batch)
            self._deliver(batch)
            if last:
                return

    def _drain(self, first: _Waiting[Any]) -> tuple[list[_Waiting[Any]], bool]:
        batch = [first]
        try:
            while len(batch) < MAX_BATCH:
                waiting = self._queue.get_nowait()
                if waiting is None:
                    return batch, True
                batch.append(waiting)
        except queue.Empty:
            pass
        return batch, False

    def _commit(self, batch: list[_Waiting[Any]]) -> None:
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        try:
            if not self._transact(batch) and len(batch) > 1:
                # one job may have filled the disk for all: give each its own transaction
                for waiting in batch:
                    self._transact([waiting])
        finally:
            fcntl.flock(self._lock_file, fcntl.LOCK_UN)

    def _transact(self, batch: list[_Waiting[Any]]) -> bool:
        """True when the batch is committed (jobs that failed on their own account aside)."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                self._run_job(waiting)
            connection.execute("COMMIT")
        except Exception as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            for waiting in batch:
                waiting.error = translated(error) if isinstance(error, apsw.Error) else error
                waiting.error.__cause__ = error if waiting.error is not error else None
            return False
        return True

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

    @staticmethod
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
