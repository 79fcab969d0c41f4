"""Makes delayed entries ready.

Any number of nodes may do so at once: an entry is released by the one conditional write that raises its revision."""

from collections.abc import Awaitable, Callable

import msgspec

from compostela.adapters.cassandra.queue_calls import all_of
from compostela.adapters.cassandra.queue_minutes import DUE, FOREVER, SettledMinutes
from compostela.adapters.cassandra.queue_rows import Due, Facts, QueueRows
from compostela.model.numbers import EntryId

AT_ONCE = 32
"""Entries that are released, or deleted, at the same time."""

Publish = Callable[[EntryId, int, Facts], Awaitable[None]]


async def release_until(
    queue: str, rows: QueueRows, until: float, now: float, publish: Publish, settled: SettledMinutes
) -> int:
    """Makes ready what is due by then, and returns how many entries that were. Raises `TemporaryFailure`."""
    released = 0
    last = FOREVER if until == float("inf") else int(until // 60)
    minutes = await rows.minutes.all(queue, DUE, last)
    no_longer_written = settled.of(minutes)
    for minute in minutes:
        is_empty = True
        async for page in rows.due(queue, minute.number, until):
            is_empty = False
            for start in range(0, len(page), AT_ONCE):
                some = page[start : start + AT_ONCE]
                released += sum(await all_of(_release(queue, one, rows, now, publish) for one in some))
        # of a minute that has not ended, this was not all
        if is_empty and minute.number < last and minute.number in no_longer_written:
            await rows.minutes.forget(queue, DUE, minute)
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
