"""Runs over mails outside the queue: see `compostela.core.mail.ports` for what it promises.

An id is `run-<mark>-<id>`; it sorts by its mark, so an unfinished run is found among the effects by one step along their index,
and nothing is written for a run that has no effect."""

from compostela.adapters.embedded.effects import forget
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Writer
from compostela.base.ids import ID_LENGTH, first_id_at, new_id
from compostela.model.numbers import EntryId

_FIND = "SELECT entry FROM effect WHERE entry > ? AND entry < ? ORDER BY entry LIMIT 1"
_HAS_EFFECTS = "SELECT 1 FROM effect WHERE entry = ? LIMIT 1"
_FORGET_OLD = f"DELETE FROM effect WHERE entry > 'run-' AND entry < 'run.' AND substr(entry, -{ID_LENGTH}) < ?"


class EmbeddedRuns:
    """Kept as rows of effects and nothing else."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def entry(self, mark: bytes) -> EntryId:
        beginning = f"run-{mark.hex()}"
        row = self._reader.execute(_FIND, (f"{beginning}-", f"{beginning}.")).fetchone()
        return EntryId(row[0] if row is not None else f"{beginning}-{new_id()}")

    async def finish(self, entry: EntryId) -> None:
        if self._reader.execute(_HAS_EFFECTS, (entry,)).fetchone() is not None:
            await self._writer.run(lambda tx: forget(tx, entry), frees_space=True)


async def forget_old_runs(writer: Writer, before: float) -> None:
    """Forgets unfinished runs that began before that time (epoch seconds): their clients have given up."""
    limit = first_id_at(before)
    await writer.run(lambda tx: tx.execute(_FORGET_OLD, (limit,)) and None, frees_space=True, is_long=True)
