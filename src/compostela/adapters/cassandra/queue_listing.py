"""The entries of a queue."""

from collections.abc import AsyncIterator

from compostela.adapters.cassandra.queue_minutes import LINES
from compostela.adapters.cassandra.queue_rows import Facts, QueueRows
from compostela.model.numbers import EntryId


async def entries_of(rows: QueueRows, queue: str) -> AsyncIterator[list[tuple[EntryId, Facts]]]:
    """Those that have not ended, in the order in which they were enqueued: a list for each minute. Raises `TemporaryFailure`."""
    for minute in await rows.minutes.all(queue, LINES):
        yield [(entry, row.facts) for entry, row in await rows.entries_of(queue, minute.number)]
