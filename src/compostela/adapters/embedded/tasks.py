"""Tasks in SQLite: a row for each."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import orjson

from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.ids import new_id
from compostela.core.tasks.model import (
    Claim,
    Json,
    Lease,
    NewTask,
    TaskEnd,
    TaskQuery,
    TaskRecord,
    TaskState,
    TaskStatus,
)
from compostela.core.tasks.ports import MAX_OPEN_TASKS, LeaseLost, TooManyTasks

T = TypeVar("T")

TOPIC = "t"
_COLUMNS = """id, type, arguments, priority, status, submitted_at, submitted_from, started_at, executed_on, ended_at,
    cancelled_from, progress, information, information_at, failure, lease, crashes"""
_ADD = """INSERT INTO task (id, type, arguments, priority, status, submitted_at, submitted_from, information, information_at)
    VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?)"""
_FIND = f"SELECT {_COLUMNS} FROM task WHERE id = ?"
_COUNT_OPEN = "SELECT count(*) FROM task WHERE ended_at IS NULL"
_COUNT_WAITING = "SELECT count(*) FROM task WHERE ended_at IS NULL AND status = 'waiting'"
_OPEN = "SELECT id, type, owner, lease_until FROM task WHERE ended_at IS NULL ORDER BY priority DESC, number"
_CLAIM = """UPDATE task SET status = iif(status = 'waiting', 'inProgress', status), lease = ?, owner = ?, lease_until = ?,
    started_at = coalesce(started_at, ?), executed_on = ?, crashes = crashes + (lease IS NOT NULL) WHERE id = ?"""
_SAVE = """UPDATE task SET crashes = iif(progress IS ?, crashes, 0), progress = ?, information = ?, information_at = ?,
    lease_until = ? WHERE lease = ?"""
_STATUS = "SELECT status FROM task WHERE lease = ?"
_RELEASE = """UPDATE task SET status = iif(status = 'inProgress', 'waiting', status), lease = NULL, owner = NULL,
    lease_until = NULL WHERE lease = ?"""
_END = """UPDATE task SET status = ?, ended_at = ?, progress = ?, information = ?, information_at = ?, failure = ?,
    lease = NULL, owner = NULL, lease_until = NULL WHERE lease = ?"""
_CANCEL_WAITING = """UPDATE task SET status = 'canceled', ended_at = ?, cancelled_from = ?
    WHERE id = ? AND status = 'waiting'"""
_CANCEL_RUNNING = """UPDATE task SET status = 'canceledRequested', cancelled_from = ?
    WHERE id = ? AND status = 'inProgress'"""
_REMOVE = "DELETE FROM task WHERE number IN (SELECT number FROM task WHERE ended_at < ? ORDER BY ended_at LIMIT ?)"


class EmbeddedTasks:
    """See `compostela.core.tasks.ports`."""

    def __init__(self, writer: Writer, reader: Reader, ownership: Ownership, signals: Signals) -> None:
        self._writer = writer
        self._reader = reader
        self._ownership = ownership
        self._signals = signals

    async def add(self, task: NewTask) -> bool:
        values = (
            str(task.id),
            task.type,
            _json(task.arguments),
            task.priority,
            task.submitted_at,
            task.submitted_from,
            _json(task.information),
            task.submitted_at,
        )

        def job(tx: Transaction) -> bool:
            if tx.execute(_FIND, (str(task.id),)).fetchone() is not None:
                return False
            if tx.execute(_COUNT_OPEN).fetchone()[0] >= MAX_OPEN_TASKS:
                raise TooManyTasks(f"{MAX_OPEN_TASKS} tasks wait or run: cancel some, or wait until some have ended")
            tx.execute(_ADD, values)
            self._publish(tx)
            return True

        return await self._write(job)

    async def find(self, task_id: uuid.UUID) -> TaskRecord | None:
        row = self._reader.execute(_FIND, (str(task_id),)).fetchone()
        return None if row is None else _record(row)

    async def page(self, query: TaskQuery, *, offset: int, limit: int) -> list[TaskRecord]:
        conditions, values = _where(query)
        sql = f"SELECT {_COLUMNS} FROM task WHERE {conditions} ORDER BY number DESC LIMIT ? OFFSET ?"
        rows = await self._reader.scan(lambda execute: execute(sql, (*values, limit, offset)).fetchall())
        return [_record(row) for row in rows]

    async def waiting(self) -> int:
        return int(self._reader.execute(_COUNT_WAITING).fetchone()[0])

    async def claim(self, at_once: Mapping[str, int], *, host: str, now: float, until: float) -> Claim | None:
        if self._next(self._reader.execute(_OPEN).fetchall(), at_once, now) is None:
            return None  # usually: looked at without a transaction

        def job(tx: Transaction) -> Claim | None:
            found = self._next(tx.execute(_OPEN).fetchall(), at_once, now)
            if found is None:
                return None
            lease = Lease(new_id())
            tx.execute(_CLAIM, (lease, self._ownership.owner, until, now, host, found))
            self._publish(tx)
            return Claim(lease, _record(tx.execute(_FIND, (found,)).fetchone()))

        return await self._write(job)

    def _next(self, rows: list[Any], at_once: Mapping[str, int], now: float) -> str | None:
        """The id of the task to claim, of rows in the order of claiming."""
        running: dict[str, int] = {}
        free: list[tuple[str, str]] = []
        dead: dict[str, bool] = {}
        for task_id, kind, owner, until in rows:
            if owner is not None and until > now and not self._is_dead(owner, dead):
                running[kind] = running.get(kind, 0) + 1
            else:
                free.append((task_id, kind))
        return next((task_id for task_id, kind in free if running.get(kind, 0) < at_once.get(kind, 0)), None)

    def _is_dead(self, owner: str, known: dict[str, bool]) -> bool:
        if owner not in known:
            known[owner] = self._ownership.is_dead(owner)
        return known[owner]

    async def save(self, lease: Lease, state: TaskState, *, until: float) -> bool:
        progress = _optional(state.progress)
        values = (progress, progress, _json(state.information), state.information_at, until, lease)

        def job(tx: Transaction) -> bool:
            row = tx.execute(_STATUS, (lease,)).fetchone()
            if row is None:
                raise _lost(lease)
            tx.execute(_SAVE, values)
            self._publish(tx)
            return bool(row[0] == TaskStatus.CANCEL_REQUESTED.value)

        return await self._write(job)

    async def release(self, lease: Lease) -> None:
        await self._change(_RELEASE, (lease,))

    async def end(self, lease: Lease, end: TaskEnd) -> None:
        state = end.state
        values = (
            end.status.value,
            end.at,
            _optional(state.progress),
            _json(state.information),
            state.information_at,
            end.failure,
            lease,
        )
        if not await self._change(_END, values):
            raise _lost(lease)

    async def request_cancel(self, task_id: uuid.UUID, *, host: str, at: float) -> None:
        def job(tx: Transaction) -> None:
            tx.execute(_CANCEL_RUNNING, (host, str(task_id)))
            tx.execute(_CANCEL_WAITING, (at, host, str(task_id)))
            self._publish(tx)

        await self._write(job)

    async def remove_ended(self, before: float, limit: int) -> int:
        return await self._change(_REMOVE, (before, limit))

    async def _change(self, statement: str, values: tuple[Any, ...]) -> int:
        """How many rows it changed."""

        def job(tx: Transaction) -> int:
            tx.execute(statement, values)
            self._publish(tx)
            return tx.connection.changes()

        return await self._write(job)

    async def _write(self, job: Callable[[Transaction], T]) -> T:
        """Also on a full disk: tasks are what clears queues and repositories."""
        return await self._writer.run(job, frees_space=True)

    def _publish(self, tx: Transaction) -> None:
        tx.after_commit.append(lambda: self._signals.publish(TOPIC))

    def watch(self, wake: Callable[[], None]) -> Callable[[], None]:
        return self._signals.listen(TOPIC, wake)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"the run {lease} has lost its task")


def _json(value: Json) -> str:
    return orjson.dumps(value).decode()


def _optional(value: Json | None) -> str | None:
    return None if value is None else _json(value)


def _record(row: Any) -> TaskRecord:
    (
        task_id, kind, arguments, priority, status, submitted_at, submitted_from, started_at, executed_on, ended_at,
        cancelled_from, progress, information, information_at, failure, lease, crashes,
    ) = row  # fmt: skip
    return TaskRecord(
        id=uuid.UUID(task_id),
        type=kind,
        arguments=orjson.loads(arguments),
        priority=priority,
        status=TaskStatus(status),
        submitted_at=submitted_at,
        submitted_from=submitted_from,
        started_at=started_at,
        executed_on=executed_on,
        ended_at=ended_at,
        cancelled_from=cancelled_from,
        state=TaskState(
            None if progress is None else orjson.loads(progress), orjson.loads(information), information_at
        ),
        failure=failure,
        lease=lease,
        crashes=crashes,
    )


def _where(query: TaskQuery) -> tuple[str, tuple[Any, ...]]:
    """Conditions on the columns and their values."""
    status = None if query.status is None else query.status.value
    wanted = {
        "status = ?": status,
        "type = ?": query.type,
        "submitted_at < ?": query.submitted_before,
        "submitted_at > ?": query.submitted_after,
        "started_at < ?": query.started_before,
        "started_at > ?": query.started_after,
        "status = 'completed' AND ended_at < ?": query.completed_before,
        "status = 'completed' AND ended_at > ?": query.completed_after,
        "status = 'failed' AND ended_at < ?": query.failed_before,
        "status = 'failed' AND ended_at > ?": query.failed_after,
    }
    given = {condition: value for condition, value in wanted.items() if value is not None}
    return " AND ".join(given) or "1", tuple(given.values())
