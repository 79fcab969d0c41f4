"""Group commit: all writes of a process go through one connection, and jobs that wait at the same time share one fsync.

Jobs that wait are run as one transaction. It begins when no more come in a round of the event loop, or after a few milliseconds: a
commit costs the CPU of several mails. Short jobs run on the event loop, where no thread competes for the interpreter; the commit, which
sleeps in fsync, runs on a thread, and meanwhile the next jobs gather. The thread also runs long jobs, waits for a lock that another
process holds, and handles failures. Loop and thread use the connection in turns, never at the same time. While other processes wait
for the lock and the disk is quick, the loop commits by itself: the two changes of thread take longer than the sync, and the lock is
held meanwhile.

A job that fails does not fail the others of its batch: the transaction is repeated with each job in a savepoint of its own.
Processes that share the database queue at a `WriteLock` before BEGIN IMMEDIATE, which is fair, unlike SQLite's busy
handler. A batch is bounded in jobs and in time, so that no process in that queue waits long.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

import apsw

from compostela.adapters.embedded.database import Execute, connect, translated
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.write_lock import WriteLock
from compostela.base.errors import StorageFull, TemporaryFailure

T = TypeVar("T")

_log = logging.getLogger(__name__)

MAX_BATCH = 256
"""Jobs in one transaction."""
MAX_BATCH_SECONDS = 0.008
"""No further job is begun in a transaction whose jobs have taken so long."""
GATHER_SECONDS = 0.004
"""A transaction waits for further jobs no longer than this and one round of the event loop."""
GATHERED_JOBS = 64
"""It waits for no more if so many are there."""
CONTENDED_SECONDS = 1.0
"""Other processes count as writers for so long after this one has found the lock taken."""
QUICK_COMMIT_SECONDS = 0.001
"""A disk is quick if commits take no longer on average."""
_WEIGHT = 0.1
"""Of the last commit in that average."""


class Transaction:
    """What a job works with, inside the batch's transaction."""

    __slots__ = ("after_commit", "connection", "execute")

    def __init__(self, connection: apsw.Connection) -> None:
        self.connection = connection
        self.execute: Execute = connection.execute
        self.after_commit: list[Callable[[], None]] = []
        """Called on the event loop after the commit, before the job's waiter goes on; not when the job failed."""


class _Waiting(Generic[T]):
    __slots__ = ("after_commit", "error", "frees_space", "future", "is_long", "job", "result")

    def __init__(
        self, job: Callable[[Transaction], T], future: "asyncio.Future[T]", frees_space: bool, is_long: bool
    ) -> None:
        self.job = job
        self.future = future
        self.frees_space = frees_space
        self.is_long = is_long
        self.result: T | None = None
        self.error: BaseException | None = None
        self.after_commit: list[Callable[[], None]] = []


class Writer:
    """Owns the writing connection. Belongs to one event loop."""

    def __init__(self, path: Path, reserve: Reserve, log_grew: Callable[[int], None]) -> None:
        """`log_grew` is told on the thread that commits, after each commit, how many pages the write-ahead log holds."""
        self._connection = connect(path)

        def committed(_connection: apsw.Connection, _database: str, pages: int) -> int:
            log_grew(pages)
            return apsw.SQLITE_OK

        self._connection.set_wal_hook(committed)
        self._lock = WriteLock(path)
        self.reserve = reserve
        self._backlog: deque[_Waiting[Any]] = deque()
        self._gathered = 0
        self._gather_until = 0.0
        self._waits_a_quiet_round = False
        self._contended_until = 0.0
        self._commit_seconds = 2 * QUICK_COMMIT_SECONDS  # until it is known
        self._is_busy = False
        self._is_closed = False
        self._idle: asyncio.Event | None = None
        self._loop = asyncio.get_running_loop()
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[Transaction], T], *, frees_space: bool = False, is_long: bool = False) -> T:
        """Runs `job(transaction)` and returns its result once it is durable. What the job raises is raised here and leaves
        no trace in the database. Raises `StorageFull` or `TemporaryFailure` when the commit fails.

        A job may be run more than once (after a failed batch), and on the writer's thread: it must have no effect but on
        the transaction. When the waiting task is cancelled the job still runs: a half-done write is never interrupted. One
        that `frees_space` is done on a full disk too, from the reserve; until that is whole again every other job is
        refused. One that `is_long`, for more than a few milliseconds, keeps off the event loop."""
        if self._is_closed:
            raise TemporaryFailure("the store is closed")
        if self.reserve.is_used and not frees_space:
            raise StorageFull("the disk is full")
        future: asyncio.Future[T] = self._loop.create_future()
        waiting = _Waiting(job, future, frees_space, is_long)
        self._backlog.append(waiting)
        if not self._is_busy:
            self._is_busy = True
            self._gather()
        return await future

    async def execute(
        self, statement: str, bindings: tuple[Any, ...] = (), *, frees_space: bool = False, is_long: bool = False
    ) -> int:
        """Runs one statement as a job; returns how many rows it changed."""

        def job(tx: Transaction) -> int:
            tx.execute(statement, bindings)
            return tx.connection.changes()

        return await self.run(job, frees_space=frees_space, is_long=is_long)

    async def close(self) -> None:
        """Finishes what was submitted and stops the thread."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_busy:
            self._idle = asyncio.Event()
            await self._idle.wait()
        self._tasks.put(None)
        await asyncio.to_thread(self._thread.join)
        self._connection.close()
        self._lock.close()

    # on the event loop

    def _gather(self) -> None:
        """Begins a transaction when jobs no longer come in each round of the loop."""
        self._gathered = 0
        self._gather_until = time.monotonic() + GATHER_SECONDS
        self._loop.call_soon(self._gather_on)

    def _gather_on(self) -> None:
        jobs, now = len(self._backlog), time.monotonic()
        if jobs > self._gathered:
            self._gathered, is_over = jobs, False
            # where several write there are often more; but not while another process may take the lock meanwhile
            self._waits_a_quiet_round = jobs > 1 and now > self._contended_until
        else:
            is_over, self._waits_a_quiet_round = not self._waits_a_quiet_round, False
        if is_over or jobs >= GATHERED_JOBS or now > self._gather_until:
            self._begin()
        else:
            self._loop.call_soon(self._gather_on)

    def _begin(self) -> None:
        if self._backlog[0].is_long:
            self._tasks.put(partial(self._do_alone, [self._backlog.popleft()]))
        elif self._lock.try_to_take():
            self._run_jobs()
        else:
            self._contended_until = time.monotonic() + CONTENDED_SECONDS
            self._tasks.put(self._wait_for_turn)

    def _run_jobs(self) -> None:
        """With the lock: as much of the backlog as belongs into one transaction."""
        batch = [self._backlog.popleft()]
        until = time.monotonic() + MAX_BATCH_SECONDS
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._run_job(batch[0])
            while (
                self._backlog and not self._backlog[0].is_long and len(batch) < MAX_BATCH and time.monotonic() < until
            ):
                batch.append(self._backlog.popleft())
                self._run_job(batch[-1])
        except Exception:
            # rare, so that the usual batch need not pay for savepoints
            is_ready = self._run_guarded(batch)
        else:
            is_ready = True
        if is_ready and self._loop_commits():
            if self._try_to_commit():
                self._done(batch)
                return
            is_ready = False
        self._tasks.put(partial(self._commit if is_ready else self._do_alone_after_failure, batch))

    def _loop_commits(self) -> bool:
        return self._commit_seconds <= QUICK_COMMIT_SECONDS and time.monotonic() <= self._contended_until

    def _done(self, batch: list[_Waiting[Any]]) -> None:
        """Wakes the waiters and goes on."""
        for waiting in batch:
            if waiting.error is None:
                for callback in waiting.after_commit:
                    try:
                        callback()
                    except Exception:
                        # the write is durable, and other callers wait for the writer
                        _log.exception("what follows a commit failed")
            if waiting.future.done():
                continue  # cancelled
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        if self._backlog:
            # what the waiters write next comes along
            self._gather()
            return
        self._is_busy = False
        if self._idle is not None:
            self._idle.set()

    # on the thread

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()

    def _call_loop(self, function: Callable[[], None]) -> bool:
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            return False  # the loop is closed: no caller waits any more
        return True

    def _wait_for_turn(self) -> None:
        self._lock.take()
        if not self._call_loop(self._run_jobs):
            self._lock.give_back()

    def _commit(self, batch: list[_Waiting[Any]]) -> None:
        if self._try_to_commit():
            self._call_loop(partial(self._done, batch))
        else:
            self._do_alone_after_failure(batch)

    def _do_alone_after_failure(self, batch: list[_Waiting[Any]]) -> None:
        """One job may have filled the disk for all: each gets a transaction of its own."""
        self._roll_back()
        self._lock.give_back()
        self._do_alone(batch)

    def _do_alone(self, batch: list[_Waiting[Any]]) -> None:
        for waiting in batch:
            for _ in range(2):
                with self._lock.held():
                    self._transact(waiting)
                is_full = isinstance(waiting.error, StorageFull)
                if not (is_full and waiting.frees_space and self.reserve.release()):
                    break
                self._take_in_log()
        self._call_loop(partial(self._done, batch))

    def _take_in_log(self) -> None:
        """The reserve goes to the database first: when the log has used it up there is no way to empty the log again."""
        with self._lock.held(), contextlib.suppress(apsw.Error):
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _transact(self, waiting: _Waiting[Any]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._run_job(waiting)
            self._connection.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            waiting.error = _translated(error)

    # on either

    def _try_to_commit(self) -> bool:
        """Commits and gives the lock back. When the commit fails it returns False, and the lock stays with this process."""
        started = time.monotonic()
        try:
            self._connection.execute("COMMIT")
        except apsw.Error:
            return False
        self._lock.give_back()
        self._commit_seconds += _WEIGHT * (time.monotonic() - started - self._commit_seconds)
        return True

    def _run_job(self, waiting: _Waiting[Any]) -> None:
        transaction = Transaction(self._connection)
        waiting.error = None
        waiting.result = waiting.job(transaction)
        waiting.after_commit = transaction.after_commit

    def _run_guarded(self, batch: list[_Waiting[Any]]) -> bool:
        """Does the transaction again with savepoints. False when the whole of it failed."""
        try:
            self._roll_back()
            self._connection.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                self._connection.execute("SAVEPOINT job")
                try:
                    self._run_job(waiting)
                except Exception as error:
                    if isinstance(error, (apsw.FullError, apsw.IOError)) or not self._connection.in_transaction:
                        raise
                    self._connection.execute("ROLLBACK TO job")
                    waiting.error = _translated(error)
                self._connection.execute("RELEASE job")
        except Exception:
            return False
        return True

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _translated(error: Exception) -> Exception:
    if not isinstance(error, apsw.Error):
        return error
    failure = translated(error)
    failure.__cause__ = error
    return failure
