"""Finds the entries of a queue that the broker has lost, and removes the remains of entries that have ended."""

import logging
from collections.abc import Callable

import msgspec

from compostela.adapters.cassandra.queue_asking import died
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_rows import LINES, Entry, Facts, QueueRows
from compostela.base.clock import Clock
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

MAX_AHEAD = 100_000
"""Entries whose time is noted; with more they wait until this clock has passed theirs."""


class Ahead:
    """Ready entries that a node enqueued whose clock is ahead of this one: for how long this process has known each. Their time
    says nothing here, and that node may have died."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[EntryId, float] = {}

    def seconds(self, entry: EntryId) -> float:
        now = self._clock.monotonic()
        if entry not in self._since and len(self._since) >= MAX_AHEAD:
            return 0.0
        return now - self._since.setdefault(entry, now)

    def keep(self, entries: set[EntryId]) -> None:
        """Forgets the others."""
        self._since = {entry: since for entry, since in self._since.items() if entry in entries}


async def sweep(
    queue: str,
    rows: QueueRows,
    nodes: Nodes,
    now: float,
    lost_after_seconds: float,
    has: Callable[[EntryId], bool],
    ahead: Ahead,
) -> list[tuple[EntryId, int, Facts]]:
    """The entries that have been ready for so long and that no living process has in work, with the revisions to be published. What was
    published of them before is old then. `has` says which entries this process has. Raises `TemporaryFailure`."""
    lost: list[tuple[EntryId, int, Facts]] = []
    ready_before = now - lost_after_seconds
    seen_ahead: set[EntryId] = set()
    for minute in await rows.minutes(queue, LINES):
        is_ahead = minute > now // 60
        if not is_ahead and minute > ready_before // 60:
            continue
        alive = await rows.entries_of(queue, minute)
        for entry, row in alive:
            if row.facts.held_from or has(entry):
                continue
            if is_ahead:
                seen_ahead.add(entry)
                if row.facts.due_at > now or ahead.seconds(entry) < lost_after_seconds:
                    continue
            elif row.facts.ready_at > ready_before:
                continue
            facts = await _renewed(entry, row, rows, nodes)
            if facts is not None:
                _log.warning("an entry that the broker had lost is handed out again", extra={"entry": entry})
                lost.append((entry, facts.published, facts))
        await _tidy(queue, minute, {entry for entry, _ in alive}, rows, is_ahead=is_ahead)
    ahead.keep(seen_ahead - {entry for entry, _, _ in lost})
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


async def _tidy(queue: str, minute: int, alive: set[EntryId], rows: QueueRows, *, is_ahead: bool) -> None:
    """Removes the lines of entries that have ended, and the minute when it is empty, unless the node that writes to it is at work."""
    if is_ahead:
        return
    for entry in await rows.lines(queue, minute):
        # also the line of an entry that two runs made, whose own one is in another minute
        if entry not in alive:
            await rows.remove_line(queue, minute, entry)
    if not alive:
        await rows.forget_minute(queue, LINES, minute)
