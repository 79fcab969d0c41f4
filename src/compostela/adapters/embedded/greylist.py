"""Triplets of greylisting in SQLite."""

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.filtering.ports import SeenTriplet

BATCH = 1000
"""Rows that one transaction removes."""
_FORGET = "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist WHERE until < ? LIMIT ?)"


class EmbeddedGreylist:
    """See `compostela.core.filtering.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def find(self, key: bytes) -> SeenTriplet | None:
        row = self._reader.execute("SELECT since, until, has_passed FROM greylist WHERE key = ?", (key,)).fetchone()
        return None if row is None else SeenTriplet(row[0], row[1], bool(row[2]))

    async def remember(self, key: bytes, seen: SeenTriplet) -> None:
        values = (key, seen.since, seen.until, seen.has_passed)
        await self._writer.run(lambda tx: tx.execute("REPLACE INTO greylist VALUES (?, ?, ?, ?)", values) and None)


async def forget_old_triplets(writer: Writer, now: float) -> None:
    """Removes those whose time is over by then (epoch seconds)."""

    def remove(tx: Transaction) -> int:
        tx.execute(_FORGET, (now, BATCH))
        return tx.connection.changes()

    while await writer.run(remove, frees_space=True, is_long=True) == BATCH:
        pass
