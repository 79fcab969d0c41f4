"""One run of a task under its lease."""

import asyncio
import logging
from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.base.concurrency import contained, wait_at_most
from compostela.base.errors import CompostelaError, TemporaryFailure
from compostela.core.tasks.model import Claim, TaskEnd, TaskState, TaskStatus
from compostela.core.tasks.ports import LeaseLost, TaskStore
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.runner import TaskCancelled, TaskContext

_log = logging.getLogger(__name__)

MAX_CRASHES = 3
"""Runs of a task that end without a word, and without progress between them: it may be what kills the process."""
MAX_END_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RunTimes:
    """How often things are looked at and written, in seconds."""

    lease_seconds: float = 20.0
    """How long a process may be silent before its tasks are another's."""
    heartbeat_seconds: float = 5.0
    """How often a lease is prolonged."""
    save_seconds: float = 1.0
    """How soon what a run reports is saved."""
    poll_seconds: float = 1.0
    """How often a process looks for tasks, and a run for being cancelled, without a hint."""
    cancel_seconds: float = 10.0
    """How long a run that is asked to end may go on to its next report before it is cut off."""


class TaskRun:
    """`run` is called once."""

    def __init__(self, store: TaskStore, types: TaskTypes, claim: Claim, clock: Clock, times: RunTimes) -> None:
        self._store = store
        self._types = types
        self._lease = claim.lease
        self._task = claim.task
        self._clock = clock
        self._times = times
        self._context = TaskContext(claim.task.id, claim.task.state, clock.now, self._save)
        self._saved = claim.task.state
        self._saved_at = clock.monotonic()
        self._cancelled_at: float | None = None
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Ends the task, or gives it back when it is cancelled. What its runner raises fails the task."""
        refusal = self._refusal()
        if refusal is not None:
            await self._end(*refusal)
            return
        end_watch = self._store.watch(self._changed.set)
        body = asyncio.ensure_future(self._body())
        try:
            await self._attend(body)
        except asyncio.CancelledError:
            await self._cut_off(body)
            await asyncio.shield(self._give_back() if _is_cut(body) else self._end(*self._outcome(body)))
            raise
        except LeaseLost:
            _log.warning("another process has the task now", extra=self._about)
            await self._cut_off(body)
            return
        finally:
            end_watch()
        await self._end(*self._outcome(body))

    def _refusal(self) -> tuple[TaskStatus, str | None] | None:
        """How the task ends without another run."""
        task = self._task
        if task.status is TaskStatus.CANCEL_REQUESTED:
            return TaskStatus.CANCELED, None
        if task.crashes and not self._types.runner(task.type).is_resumable:
            return (
                TaskStatus.FAILED,
                "the process that ran it ended in the middle: look what is left, then start it again",
            )
        if task.crashes >= MAX_CRASHES:
            return (
                TaskStatus.FAILED,
                f"the process that ran it ended {task.crashes} times without progress: see its log",
            )
        return None

    async def _body(self) -> None:
        arguments = self._types.decode(self._task.type, self._task.arguments)
        await contained(self._types.runner(self._task.type).run(arguments, self._context))

    async def _attend(self, body: "asyncio.Future[None]") -> None:
        """Keeps the lease until the body ends. Raises `LeaseLost`."""
        body.add_done_callback(lambda _: self._changed.set())
        while not body.done():
            self._changed.clear()
            await wait_at_most(self._changed, self._times.poll_seconds)
            if body.done():
                return
            try:
                await self._look()
                await self._save_if_due()
            except TemporaryFailure as failure:
                _log.warning("a task's progress cannot be saved: %s", failure, extra=self._about)
                if self._silence() >= self._times.lease_seconds:
                    raise LeaseLost("the lease could not be prolonged") from failure
            if (
                self._cancelled_at is not None
                and self._clock.monotonic() - self._cancelled_at >= self._times.cancel_seconds
            ):
                body.cancel()

    async def _look(self) -> None:
        record = await self._store.find(self._task.id)
        if record is None or record.lease != self._lease:
            raise LeaseLost("the task is another's")
        if record.status is TaskStatus.CANCEL_REQUESTED:
            self._note_cancel()

    async def _save_if_due(self) -> None:
        has_news = self._context.state is not self._saved
        due = self._times.save_seconds if has_news else self._times.heartbeat_seconds
        if self._silence() >= due:
            await self._save(self._context.state)

    async def _save(self, state: TaskState) -> None:
        at = self._clock.monotonic()
        if await self._store.save(self._lease, state, until=self._clock.now() + self._times.lease_seconds):
            self._note_cancel()
        self._saved, self._saved_at = state, at

    def _silence(self) -> float:
        return self._clock.monotonic() - self._saved_at

    def _note_cancel(self) -> None:
        if self._cancelled_at is None:
            self._cancelled_at = self._clock.monotonic()
            self._context.cancel()

    def _outcome(self, body: "asyncio.Future[None]") -> tuple[TaskStatus, str | None]:
        if body.cancelled():
            return TaskStatus.CANCELED, None
        match body.exception():
            case None:
                return TaskStatus.COMPLETED, None
            case TaskCancelled():
                return TaskStatus.CANCELED, None
            case CompostelaError() as error:
                _log.warning("task failed: %s", error, extra=self._about)
                return TaskStatus.FAILED, str(error)
            case error:
                _log.error("task failed", exc_info=error, extra=self._about)
                return TaskStatus.FAILED, "an unexpected error: see the server's log"

    async def _end(self, status: TaskStatus, failure: str | None) -> None:
        """A task whose end cannot be written is repeated when its lease is over."""
        end = TaskEnd(status, self._clock.now(), self._context.state, failure)
        for attempt in range(MAX_END_ATTEMPTS):
            try:
                await self._store.end(self._lease, end)
            except LeaseLost:
                _log.warning("another process has the task now", extra=self._about)
                return
            except TemporaryFailure as failure_to_write:
                _log.warning("the end of a task cannot be written: %s", failure_to_write, extra=self._about)
                await asyncio.sleep(self._times.save_seconds * attempt)
            else:
                _log.info("task ended", extra={**self._about, "status": status.value, "failure": failure})
                return

    async def _cut_off(self, body: "asyncio.Future[None]") -> None:
        body.cancel()
        await asyncio.wait([body], timeout=self._times.cancel_seconds)

    async def _give_back(self) -> None:
        """With all its progress, when the process stops in good order."""
        if not self._types.runner(self._task.type).is_resumable:
            await self._end(
                TaskStatus.FAILED, "the server was stopped in the middle: look what is left, then start it again"
            )
            return
        try:
            await self._save(self._context.state)
            await self._store.release(self._lease)
        except LeaseLost:
            pass
        except TemporaryFailure as failure:
            _log.warning("a task cannot be given back: %s", failure, extra=self._about)

    @property
    def _about(self) -> dict[str, object]:
        return {"task": str(self._task.id), "type": self._task.type}


def _is_cut(body: "asyncio.Future[None]") -> bool:
    return body.cancelled() or not body.done()
