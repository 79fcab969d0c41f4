"""Finds the entries of a queue that the broker has lost, and removes the remains of entries that have ended."""

import logging
from collections.abc import Callable

import msgspec

from compostela.adapters.cassandra.queue_asking import died
from compostela.adapters.cassandra.queue_minutes import LINES, Minute, Seen, SettledMinutes
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_rows import Entry, Facts, QueueRows
from compostela.base.clock import Clock
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)


class Sweeper:
    """What a process remembers of one queue between two sweeps."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.settled = SettledMinutes(clock)
        self.ahead: Seen[EntryId] = Seen(clock)
        """Ready entries that a node enqueued whose clock is ahead of this one: that node may have died."""


async def sweep(
    queue: str,
    rows: QueueRows,
    nodes: Nodes,
    lost_after_seconds: float,
    has: Callable[[EntryId], bool],
    sweeper: Sweeper,
) -> list[tuple[EntryId, int, Facts]]:
    """The entries that have been ready for so long and that no living process has in work, with the revisions to be published. What was
    published of them before is old then. `has` says which entries this process has. Raises `TemporaryFailure`."""
    lost: list[tuple[EntryId, int, Facts]] = []
    now = sweeper.clock.now()
    ready_before = now - lost_after_seconds
    seen_ahead: set[EntryId] = set()
    minutes = await rows.minutes.all(queue, LINES)
    settled = sweeper.settled.of(minutes)
    for minute in minutes:
        is_ahead = minute.number > now // 60
        if not is_ahead and minute.number > ready_before // 60:
            continue
        alive = await rows.entries_of(queue, minute.number)
        for entry, row in alive:
            if row.facts.held_from or has(entry):
                continue
            if is_ahead:
                seen_ahead.add(entry)
                if row.facts.due_at > now or sweeper.ahead.seconds(entry) < lost_after_seconds:
                    continue
            elif row.facts.ready_at > ready_before:
                continue
            facts = await _renewed(entry, row, rows, nodes)
            if facts is not None:
                _log.warning("an entry that the broker had lost is handed out again", extra={"entry": entry})
                lost.append((entry, facts.published, facts))
        if minute.number in settled:
            await _tidy(queue, minute, {entry for entry, _ in alive}, rows, now)
    sweeper.ahead.keep(seen_ahead - {entry for entry, _, _ in lost})
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


async def _tidy(queue: str, minute: Minute, alive: set[EntryId], rows: QueueRows, now: float) -> None:
    """Removes the lines of entries that have ended, and the minute when it is empty."""
    lines = await rows.lines(queue, minute.number)
    if not await rows.minutes.are_all(queue, LINES, minute):
        return  # a process with a slow clock writes into this minute now: it may have written the line of an entry, and not yet its row
    left_over = [entry for entry in lines if entry not in alive and await rows.is_left_over(entry, minute.number, now)]
    for entry in left_over:
        await rows.remove_line(queue, minute.number, entry)
    if len(left_over) == len(lines):
        await rows.minutes.forget(queue, LINES, minute)
