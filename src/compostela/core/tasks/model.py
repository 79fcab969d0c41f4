"""What is known of a task: its type, its progress, the node that runs it."""

import enum
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

import msgspec

from compostela.base.errors import InvalidArgument

Json = Mapping[str, object]
"""A JSON object: strings, numbers, booleans, None, lists and objects."""
Lease = NewType("Lease", str)
"""Names one run of a task. Each claim makes another."""

MAX_JSON_BYTES = 64 * 1024
"""Of a task's arguments, its progress and its information, each."""


def check_size(value: Json) -> None:
    """Raises `InvalidArgument` beyond `MAX_JSON_BYTES`."""
    size = len(msgspec.json.encode(value))
    if size > MAX_JSON_BYTES:
        raise InvalidArgument(f"{size} bytes of JSON are more than the {MAX_JSON_BYTES} that a task may keep")


class TaskStatus(enum.Enum):
    """James's names."""

    WAITING = "waiting"
    IN_PROGRESS = "inProgress"
    CANCEL_REQUESTED = "canceledRequested"
    COMPLETED = "completed"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        return self in (TaskStatus.COMPLETED, TaskStatus.CANCELED, TaskStatus.FAILED)


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to be run. `arguments` hold no secret: they are stored as they are, and the task's information is made from
    them. Times are epoch seconds."""

    id: uuid.UUID
    type: str
    arguments: Json
    submitted_at: float
    submitted_from: str
    """The host."""
    priority: int = 0
    information: Json = field(default_factory=dict)
    """What is told of it before it runs."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is."""

    progress: Json | None
    """From where a later run goes on; None before anything was saved. Private to the runner."""
    information: Json
    """What administrators are told, in the end the result."""
    information_at: float


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """All that is stored of a task. Times are epoch seconds."""

    id: uuid.UUID
    type: str
    arguments: Json
    priority: int
    status: TaskStatus
    submitted_at: float
    submitted_from: str
    started_at: float | None
    """When its first run began."""
    executed_on: str | None
    """The host of the last run."""
    ended_at: float | None
    cancelled_from: str | None
    state: TaskState
    failure: str | None
    """Why it failed, a sentence for the operator."""
    lease: Lease | None
    """The run that has it now."""
    crashes: int
    """Runs that ended without a word since progress was last saved."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that is handed to a process, and the lease under which it runs."""

    lease: Lease
    task: TaskRecord


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """How a run ends the task."""

    status: TaskStatus
    """A final one."""
    at: float
    state: TaskState
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks to list. Times are epoch seconds; a task without the time in question does not match."""

    status: TaskStatus | None = None
    type: str | None = None
    submitted_before: float | None = None
    submitted_after: float | None = None
    started_before: float | None = None
    started_after: float | None = None
    completed_before: float | None = None
    completed_after: float | None = None
    failed_before: float | None = None
    failed_after: float | None = None
