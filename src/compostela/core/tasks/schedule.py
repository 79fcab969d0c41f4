"""Tasks that begin by themselves, at times given in cron's five fields.

Every process with the role looks at the same lines. The id of a scheduled task is made from its line and its time, so each
time is submitted once, whatever the number of processes and restarts.
"""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from compostela.base.clock import Clock, as_datetime
from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.base.settings import Place
from compostela.core.tasks.model import Json, TaskQuery, TaskStatus
from compostela.core.tasks.ports import MAX_OPEN_TASKS
from compostela.core.tasks.service import Tasks

_log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
LOOK_BACK = timedelta(minutes=2)
"""How far back a process looks that begins: the one that looked before it may have ended, or hung until it was killed, without
seeing a time."""
LONGEST_GAP = timedelta(hours=1)
"""Times that passed while the process slept or was down for longer are not made up for."""
FIELDS = 5
_NAMESPACE = uuid.UUID("6f1d8c52-6c0a-4c55-9f0e-0c3f2d1b7a4e")


@dataclass(frozen=True, slots=True)
class ScheduledTask:
    """One line. Times are UTC."""

    cron: str
    name: str
    """The type of task."""
    arguments: Json
    place: Place

    @classmethod
    def parse(cls, text: str, place: Place) -> "ScheduledTask":
        """`<minute> <hour> <day> <month> <weekday> <type> [<JSON object>]`. Raises `InvalidArgument`."""
        parts = text.split(maxsplit=FIELDS + 1)
        if len(parts) <= FIELDS:
            raise InvalidArgument(f"{text!r} is not five fields of cron and a type of task")
        cron, rest = " ".join(parts[:FIELDS]), parts[FIELDS + 1] if len(parts) > FIELDS + 1 else "{}"
        _iterate(cron, datetime(2000, 1, 1, tzinfo=UTC))
        try:
            arguments = msgspec.json.decode(rest, type=dict[str, object])
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise InvalidArgument(f"{rest!r} is not a JSON object: {error}") from error
        return cls(cron, parts[FIELDS], arguments, place)

    def last_time(self, after: datetime, until: datetime) -> datetime | None:
        """The last time of the line in a span; the earlier ones are passed over."""
        last = None
        for moment in _iterate(self.cron, after):
            if moment > until:
                break
            last = moment
        return last

    def id_at(self, moment: datetime) -> uuid.UUID:
        arguments = json.dumps(self.arguments, sort_keys=True)
        return uuid.uuid5(_NAMESPACE, f"{self.cron}\n{self.name}\n{arguments}\n{moment.isoformat()}")


def _iterate(cron: str, after: datetime) -> Iterator[datetime]:
    """Raises `InvalidArgument`."""
    # imported only if a schedule is configured
    from cronsim import CronSim, CronSimError

    try:
        return CronSim(cron, after)
    except CronSimError as error:
        raise InvalidArgument(f"{cron!r} is not five fields of cron: {error}") from error


class Scheduler:
    """`run` is called once."""

    def __init__(
        self,
        tasks: Tasks,
        lines: Sequence[ScheduledTask],
        clock: Clock,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._tasks = tasks
        self._lines = lines
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Submits what is due, until it is cancelled."""
        looked = self._now() - LOOK_BACK
        while self._lines:
            await self._sleep(LOOK_SECONDS)
            looked = await self.submit_due(looked)

    async def submit_due(self, since: datetime) -> datetime:
        """Submits what came due since then and gives the present time. A failure is logged: the next time comes."""
        now = self._now()
        for line in self._lines:
            moment = line.last_time(max(since, now - LONGEST_GAP), now)
            if moment is None:
                continue
            try:
                arguments = self._tasks.types.decode(line.name, line.arguments)
                if await self._waits(line.name, self._tasks.types.encode(line.name, arguments)):
                    continue  # the last one has not begun: a line that is slower than its times makes no heap
                await self._tasks.submit(line.name, arguments, line.id_at(moment))
            except CompostelaError as error:
                _log.warning("a scheduled task cannot be submitted: %s", error, extra={"type": line.name})
            except Exception:
                # an operator's own type: the other lines go on
                _log.exception("a scheduled task cannot be submitted", extra={"type": line.name})
        return now

    async def _waits(self, name: str, encoded: Json) -> bool:
        """Whether a task of this type with these arguments waits already."""
        waiting = await self._tasks.page(TaskQuery(TaskStatus.WAITING, name), offset=0, limit=MAX_OPEN_TASKS)
        return any(task.arguments == encoded for task in waiting)

    def _now(self) -> datetime:
        return as_datetime(self._clock.now())
