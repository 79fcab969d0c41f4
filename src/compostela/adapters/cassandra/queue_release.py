"""Makes delayed entries ready.

Any number of nodes may do so at once: an entry is released by the one conditional write that raises its revision."""

from collections.abc import Awaitable, Callable

import msgspec

from compostela.adapters.cassandra.queue_calls import all_of
from compostela.adapters.cassandra.queue_rows import DUE, FOREVER, Due, Facts, QueueRows
from compostela.model.numbers import EntryId

AT_ONCE = 32
"""Entries that are released, or deleted, at the same time."""
LATE_MINUTES = 10
"""Empty minutes of due entries are forgotten after so many."""

Publish = Callable[[EntryId, int, Facts], Awaitable[None]]


async def release_until(queue: str, rows: QueueRows, until: float, now: float, publish: Publish) -> int:
    """Makes ready what is due by then, and returns how many entries that were. Raises `TemporaryFailure`."""
    released = 0
    last = FOREVER if until == float("inf") else int(until // 60)
    for minute in await rows.minutes(queue, DUE, last):
        is_empty = True
        async for page in rows.due(queue, minute, until):
            is_empty = False
            for start in range(0, len(page), AT_ONCE):
                some = page[start : start + AT_ONCE]
                released += sum(await all_of(_release(queue, one, rows, now, publish) for one in some))
        if is_empty and minute < int(now // 60) - LATE_MINUTES:
            await rows.forget_minute(queue, DUE, minute)
    return released


async def _release(queue: str, due: Due, rows: QueueRows, now: float, publish: Publish) -> bool:
    """False if the entry has ended, or was released or changed by another."""
    row = await rows.look(due.entry)
    is_released = False
    if row is not None and row.revision < due.revision:
        return False  # its retry is being written
    # a retry that could not be written may have left a row of another time
    if row is not None and row.revision == due.revision and row.facts.due_at == due.due:
        facts = msgspec.structs.replace(row.facts, due_at=min(row.facts.due_at, now), published=due.revision + 1)
        is_released = await rows.change(due.entry, due.revision, facts)
        if is_released:
            await publish(due.entry, due.revision + 1, facts)
    await rows.remove_due(queue, due)
    return is_released
