"""Finds the entries of a queue that the broker has lost, and removes the remains of entries that have ended."""

import logging
from collections.abc import Callable

import msgspec

from compostela.adapters.cassandra.queue_asking import died
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_rows import LINES, Entry, Facts, QueueRows
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)


async def sweep(
    queue: str, rows: QueueRows, nodes: Nodes, ready_before: float, has: Callable[[EntryId], bool]
) -> list[tuple[EntryId, int, Facts]]:
    """The entries that have been ready since before that time and that no living process has in work, with the revisions to be published. What was
    published of them before is old then. `has` says which entries this process has. Raises `TemporaryFailure`."""
    lost: list[tuple[EntryId, int, Facts]] = []
    for minute in await rows.minutes(queue, LINES, int(ready_before // 60)):
        alive = await rows.entries_of(queue, minute)
        for entry, row in alive:
            if row.facts.ready_at > ready_before or row.facts.held_from or has(entry):
                continue
            facts = await _renewed(entry, row, rows, nodes)
            if facts is not None:
                _log.warning("an entry that the broker had lost is handed out again", extra={"entry": entry})
                lost.append((entry, facts.published, facts))
        await _tidy(queue, minute, {entry for entry, _ in alive}, rows)
    return lost


async def _renewed(entry: EntryId, row: Entry, rows: QueueRows, nodes: Nodes) -> Facts | None:
    """None if it is in work, or changed meanwhile."""
    holder = row.holder
    facts = msgspec.structs.replace(row.facts, published=row.revision + 1)
    if holder is not None and holder.node != nodes.own:
        if await nodes.is_alive(holder.node):
            return None
        facts = died(entry, facts, holder)
    return facts if await rows.change(entry, row.revision, facts) else None


async def _tidy(queue: str, minute: int, alive: set[EntryId], rows: QueueRows) -> None:
    """Removes the lines of entries that have ended, and the minute when it is empty."""
    for entry in await rows.lines(queue, minute):
        # also the line of an entry that two runs made, whose own one is in another minute
        if entry not in alive:
            await rows.remove_line(queue, minute, entry)
    if not alive:
        await rows.forget_minute(queue, LINES, minute)
