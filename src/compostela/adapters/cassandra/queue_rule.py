"""How administrators rule a queue of a cluster: delete, hold, release, flush.

A held entry has a higher revision than what was published of it, so all messages of it are old. `held_from` keeps the revision that was
held: a consumer that had it in work then, by a hair, still writes its retry, and the entry stays held."""

from collections.abc import Callable, Coroutine

import msgspec

from compostela.adapters.cassandra.queue_calls import all_of
from compostela.adapters.cassandra.queue_listing import entries_of
from compostela.adapters.cassandra.queue_nodes import Nodes
from compostela.adapters.cassandra.queue_release import AT_ONCE, Publish
from compostela.adapters.cassandra.queue_rows import Facts, Note, QueueRows
from compostela.base.clock import Clock
from compostela.core.queue.model import Selection
from compostela.model.numbers import EntryId

Change = Callable[[EntryId, Facts], Coroutine[None, None, bool]]


class QueueRule:
    """Belongs to one queue of a node. All calls raise `TemporaryFailure`."""

    def __init__(self, name: str, rows: QueueRows, nodes: Nodes, clock: Clock, publish: Publish) -> None:
        self._name = name
        self._rows = rows
        self._nodes = nodes
        self._clock = clock
        self._publish = publish

    async def each(self, chosen: Selection, change: Change) -> int:
        """Calls `change` for the chosen entries, several at once; returns for how many it said True."""
        changed = 0
        async for page in entries_of(self._rows, self._name):
            wanted = [one for one in page if chosen.fits(one[1].listed(one[0], 0.0))]
            for start in range(0, len(wanted), AT_ONCE):
                changed += sum(await all_of(change(*one) for one in wanted[start : start + AT_ONCE]))
        return changed

    async def hold(self, chosen: Selection) -> int:
        return await self.each(chosen, self._hold)

    async def release(self, chosen: Selection) -> int:
        return await self.each(chosen, self._release)

    async def flush(self, chosen: Selection) -> int:
        return await self.each(chosen, self._flush)

    async def _hold(self, entry: EntryId, _: Facts) -> bool:
        row = await self._rows.look(entry)
        if row is None or row.facts.held_from or await self._is_in_work(row.note, row.revision):
            return False
        facts = msgspec.structs.replace(row.facts, held_from=row.revision, published=row.revision + 1)
        return await self._rows.change(entry, row.revision, facts)

    async def _release(self, entry: EntryId, known: Facts) -> bool:
        if not known.held_from:
            return False
        row = await self._rows.look(entry)
        if row is None or not row.facts.held_from or await self._is_in_work(row.note, row.facts.held_from):
            return False
        revision = row.revision + 1
        facts = msgspec.structs.replace(row.facts, held_from=0, published=revision)
        is_delayed = facts.due_at > self._clock.now()
        if is_delayed:
            await self._rows.add_due(self._name, facts.due_at, entry, revision)
        is_released = await self._rows.change(entry, row.revision, facts)
        if is_released and not is_delayed:
            await self._publish(entry, revision, facts)
        return is_released

    async def _flush(self, entry: EntryId, known: Facts) -> bool:
        now = self._clock.now()
        if known.held_from or known.due_at <= now:
            return False
        row = await self._rows.look(entry)
        if row is None or row.facts.held_from or row.facts.due_at <= now:
            return False
        facts = msgspec.structs.replace(row.facts, due_at=now, published=row.revision + 1)
        is_ready = await self._rows.change(entry, row.revision, facts)
        if is_ready:
            await self._publish(entry, row.revision + 1, facts)
        return is_ready

    async def _is_in_work(self, note: Note | None, revision: int) -> bool:
        """Whether a living node has that revision in work."""
        if note is None or not note.is_in_work or note.revision != revision:
            return False
        return note.node == self._nodes.own or await self._nodes.is_alive(note.node)


async def write_held(rows: QueueRows, entry: EntryId, revision: int, facts: Facts, mail: bytes) -> None:
    """The retry of a consumer that had `revision` in work when the entry was held: what it did is not forgotten. Nothing if the entry
    was changed otherwise. Raises `TemporaryFailure`."""
    row = await rows.look(entry)
    if row is not None and row.facts.held_from == revision:
        held = msgspec.structs.replace(facts, held_from=revision, published=row.revision + 1)
        await rows.change(entry, row.revision, held, mail)
