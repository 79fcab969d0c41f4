"""Runs over mails outside the queue: see `compostela.core.mail.ports` for what it promises.

An id is `run-<mark>-<id>`; it sorts by its mark, so an unfinished run is found by one step along the primary key."""

import asyncio
from functools import partial

from compostela.adapters.embedded.effects import RUN, forget
from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.ids import ID_LENGTH, first_id_at, new_id
from compostela.model.numbers import EntryId

POLL_SECONDS = 0.1
"""How often it is looked whether another process has ended the run."""

_FIND = "SELECT entry, owner, is_running FROM unqueued_run WHERE entry > ? AND entry < ? ORDER BY entry LIMIT 1"
_BEGIN = "INSERT INTO unqueued_run VALUES (?, ?, 1, ?)"
_TAKE_UP = "UPDATE unqueued_run SET owner = ?, is_running = 1 WHERE entry = ?"
_INTERRUPT = "UPDATE unqueued_run SET is_running = 0 WHERE entry = ?"
_OLD = f"entry > '{RUN}' AND entry < 'run.' AND substr(entry, -{ID_LENGTH}) < ?"


class EmbeddedRuns:
    """Rows of `unqueued_run`."""

    def __init__(self, writer: Writer, ownership: Ownership, clock: Clock) -> None:
        self._writer = writer
        self._ownership = ownership
        self._clock = clock

    async def entry(self, mark: bytes) -> EntryId:
        while True:
            entry = await self._writer.run(partial(self._begin, f"{RUN}{mark.hex()}"))
            if entry is not None:
                return entry
            await asyncio.sleep(POLL_SECONDS)

    def _begin(self, beginning: str, tx: Transaction) -> EntryId | None:
        """None while another process is at it."""
        row = tx.execute(_FIND, (f"{beginning}-", f"{beginning}.")).fetchone()
        own = self._ownership.owner
        if row is None:
            entry = f"{beginning}-{new_id()}"
            tx.execute(_BEGIN, (entry, own, self._clock.now()))
            return EntryId(entry)
        entry, owner, is_running = row
        if is_running and owner != own and not self._ownership.is_dead(owner):
            return None
        tx.execute(_TAKE_UP, (own, entry))
        return EntryId(entry)

    async def interrupt(self, entry: EntryId) -> None:
        await self._writer.execute(_INTERRUPT, (entry,), frees_space=True)

    async def finish(self, entry: EntryId) -> None:
        def job(tx: Transaction) -> None:
            tx.execute("DELETE FROM unqueued_run WHERE entry = ?", (entry,))
            forget(tx, entry)

        await self._writer.run(job, frees_space=True)


async def forget_old_runs(writer: Writer, before: float) -> None:
    """Forgets unfinished runs that began before that time (epoch seconds): their clients have given up."""
    limit = first_id_at(before)

    def job(tx: Transaction) -> None:
        for table in ("unqueued_run", "effect"):
            tx.execute(f"DELETE FROM {table} WHERE {_OLD}", (limit,))

    await writer.run(job, frees_space=True, is_long=True)
