"""Tasks that have ended: found by their id and by the day of their submission. Each is written once and removed once.

A task's number orders these two, so it is their timestamp: a task of the same id that comes after a removal has a greater number.
"""

import heapq
import uuid
from collections.abc import AsyncIterator, Sequence

from compostela.adapters.cassandra.open_tasks import KeptTask, decode, encode
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.concurrency import side_by_side

PAGE = 200
DAY_SECONDS = 86_400
KEPT_DAYS = 60
"""A day without tasks is forgotten only then: a task that was submitted on it may still run."""
_BY_ID = "SELECT record FROM task_ended WHERE id = ?"
_ADD_BY_ID = "INSERT INTO task_ended (id, record) VALUES (?, ?) USING TIMESTAMP ?"
_REMOVE_BY_ID = "DELETE FROM task_ended USING TIMESTAMP ? WHERE id = ?"
_OF_DAY = "SELECT record FROM task_of_day WHERE day = ?"
_OLDEST_OF_DAY = "SELECT record FROM task_of_day WHERE day = ? ORDER BY number ASC"
_ADD_OF_DAY = "INSERT INTO task_of_day (day, number, record) VALUES (?, ?, ?) USING TIMESTAMP ?"
_REMOVE_OF_DAY = "DELETE FROM task_of_day USING TIMESTAMP ? WHERE day = ? AND number = ?"
_DAYS = "SELECT day FROM task_day WHERE part = 'all'"
_ADD_DAY = "INSERT INTO task_day (part, day) VALUES ('all', ?) USING TIMESTAMP 1"
_REMOVE_DAY = "DELETE FROM task_day USING TIMESTAMP 2 WHERE part = 'all' AND day = ?"


class TaskHistory:
    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def find(self, task_id: uuid.UUID) -> KeptTask | None:
        row = await self._session.first(_BY_ID, task_id)
        return None if row is None else decode(row[0])

    async def add(self, task: KeptTask) -> None:
        """May be repeated."""
        octets, day, version = encode(task), _day(task), 2 * task.number
        # the day first: a task that is found by its id is in the list, too
        await self._session.write(_ADD_DAY, day)
        await self._session.write(_ADD_OF_DAY, day, task.number, octets, version)
        await self._session.write(_ADD_BY_ID, task.record.id, octets, version)

    async def newest_first(self) -> AsyncIterator[KeptTask]:
        for (day,) in await self._session.rows(_DAYS):
            async for page in self._session.pages(_OF_DAY, day, size=PAGE):
                for row in page:
                    yield decode(row[0])

    async def remove_ended(self, before: float, limit: int) -> int:
        """Those that ended before then, those submitted first before others, at most `limit`."""
        removed = 0
        for (day,) in reversed(await self._session.rows(_DAYS)):
            if day * DAY_SECONDS >= before:
                break
            is_empty = True
            async for page in self._session.pages(_OLDEST_OF_DAY, day, size=PAGE):
                tasks = [decode(row[0]) for row in page]
                over = [task for task in tasks if (task.record.ended_at or 0) < before][: limit - removed]
                await side_by_side(over, self._remove)
                removed += len(over)
                is_empty = is_empty and len(over) == len(tasks)
                if removed >= limit:
                    return removed
            if is_empty and (day + KEPT_DAYS) * DAY_SECONDS < before:
                await self._session.write(_REMOVE_DAY, day)
        return removed

    async def _remove(self, task: KeptTask) -> None:
        version = 2 * task.number + 1
        await self._session.write(_REMOVE_BY_ID, version, task.record.id)
        await self._session.write(_REMOVE_OF_DAY, version, _day(task), task.number)


async def merged(open_tasks: Sequence[KeptTask], history: AsyncIterator[KeptTask]) -> AsyncIterator[KeptTask]:
    """All tasks, the newest submission first. One that is in both comes once."""
    waiting = [(-task.number, task) for task in open_tasks]
    heapq.heapify(waiting)
    known = {task.record.id for task in open_tasks}
    async for task in history:
        while waiting and waiting[0][0] < -task.number:
            yield heapq.heappop(waiting)[1]
        if task.record.id not in known:
            yield task
    while waiting:
        yield heapq.heappop(waiting)[1]


def _day(task: KeptTask) -> int:
    return int(task.record.submitted_at // DAY_SECONDS)
