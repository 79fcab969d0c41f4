"""The open tasks as one value, and the changes of it. No engine is asked here.

A task is open until its end is copied to the history, so that it is always found in one of the two. `version` counts the changes.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from compostela.base.ids import new_id
from compostela.core.tasks.model import Claim, Lease, NewTask, TaskEnd, TaskRecord, TaskState, TaskStatus
from compostela.core.tasks.ports import MAX_OPEN_TASKS, LeaseLost, TooManyTasks


@dataclass(frozen=True, slots=True)
class KeptTask:
    """A task with what is needed to hand it out."""

    record: TaskRecord
    number: int
    """In the order of submission."""
    lease_until: float = 0.0

    @property
    def is_running(self) -> bool:
        return self.record.lease is not None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptTask).decode


def encode(task: KeptTask) -> bytes:
    return _encode(task)


def decode(octets: bytes) -> KeptTask:
    return _decode(octets)


@dataclass(frozen=True, slots=True)
class Change:
    """Tasks as they are from now on; None for one that leaves."""

    tasks: Mapping[uuid.UUID, KeptTask | None]


@dataclass(slots=True)
class OpenTasks:
    """What was read at one version."""

    version: int | None = None
    last_number: int = 0
    tasks: dict[uuid.UUID, KeptTask] = field(default_factory=dict)

    def apply(self, change: Change, version: int) -> None:
        for task_id, task in change.tasks.items():
            if task is None:
                self.tasks.pop(task_id, None)
            else:
                self.tasks[task_id] = task
                self.last_number = max(self.last_number, task.number)
        self.version = version

    # what is planned; the result of each plan is a change, or None if there is nothing to change

    def add(self, new: NewTask) -> Change:
        """Raises `TooManyTasks`."""
        if sum(not task.record.status.is_final for task in self.tasks.values()) >= MAX_OPEN_TASKS:
            raise TooManyTasks(f"{MAX_OPEN_TASKS} tasks wait or run: cancel some, or wait until some have ended")
        record = TaskRecord(
            id=new.id,
            type=new.type,
            arguments=new.arguments,
            priority=new.priority,
            status=TaskStatus.WAITING,
            submitted_at=new.submitted_at,
            submitted_from=new.submitted_from,
            started_at=None,
            executed_on=None,
            ended_at=None,
            cancelled_from=None,
            state=TaskState(None, new.information, new.submitted_at),
            failure=None,
            lease=None,
            crashes=0,
        )
        return Change({new.id: KeptTask(record, self.last_number + 1)})

    def claim(self, at_once: Mapping[str, int], host: str, now: float, until: float) -> tuple[Change, Claim] | None:
        kept = self._next(at_once, now)
        if kept is None:
            return None
        record, lease = kept.record, Lease(new_id())
        claimed = replace(
            record,
            status=TaskStatus.IN_PROGRESS if record.status is TaskStatus.WAITING else record.status,
            lease=lease,
            started_at=now if record.started_at is None else record.started_at,
            executed_on=host,
            crashes=record.crashes + kept.is_running,
        )
        return Change({record.id: KeptTask(claimed, kept.number, until)}), Claim(lease, claimed)

    def _next(self, at_once: Mapping[str, int], now: float) -> KeptTask | None:
        live = [task for task in self.tasks.values() if not task.record.status.is_final]
        running: dict[str, int] = {}
        free = []
        for task in live:
            if task.is_running and task.lease_until > now:
                running[task.record.type] = running.get(task.record.type, 0) + 1
            else:
                free.append(task)
        free.sort(key=lambda task: (-task.record.priority, task.number))
        return next((t for t in free if running.get(t.record.type, 0) < at_once.get(t.record.type, 0)), None)

    def save(self, lease: Lease, state: TaskState, until: float) -> tuple[Change, bool]:
        """The change, and whether the run is asked to end. Raises `LeaseLost`."""
        kept = self._leased(lease)
        record = kept.record
        crashes = record.crashes if state.progress == record.state.progress else 0
        saved = replace(record, state=state, crashes=crashes)
        asked = record.status is TaskStatus.CANCEL_REQUESTED
        return Change({record.id: KeptTask(saved, kept.number, until)}), asked

    def release(self, lease: Lease) -> Change | None:
        try:
            kept = self._leased(lease)
        except LeaseLost:
            return None
        status = kept.record.status
        waits = TaskStatus.WAITING if status is TaskStatus.IN_PROGRESS else status
        return Change({kept.record.id: KeptTask(replace(kept.record, status=waits, lease=None), kept.number)})

    def end(self, lease: Lease, end: TaskEnd) -> Change:
        """Raises `LeaseLost`."""
        kept = self._leased(lease)
        ended = replace(
            kept.record, status=end.status, ended_at=end.at, state=end.state, failure=end.failure, lease=None
        )
        return Change({ended.id: KeptTask(ended, kept.number)})

    def request_cancel(self, task_id: uuid.UUID, host: str, at: float) -> Change | None:
        kept = self.tasks.get(task_id)
        if kept is None:
            return None
        match kept.record.status:
            case TaskStatus.WAITING:
                record = replace(kept.record, status=TaskStatus.CANCELED, ended_at=at, cancelled_from=host)
            case TaskStatus.IN_PROGRESS:
                record = replace(kept.record, status=TaskStatus.CANCEL_REQUESTED, cancelled_from=host)
            case _:
                return None
        return Change({task_id: KeptTask(record, kept.number, kept.lease_until)})

    def ended(self) -> list[KeptTask]:
        """Those whose end is to be copied to the history."""
        return [task for task in self.tasks.values() if task.record.status.is_final]

    def _leased(self, lease: Lease) -> KeptTask:
        for task in self.tasks.values():
            if task.record.lease == lease:
                return task
        raise LeaseLost(f"the run {lease} has lost its task")
