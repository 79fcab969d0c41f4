"""Triplets of greylisting in SQLite."""

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.filtering.ports import SeenTriplet

MAX_TRIPLETS = 1_000_000
"""Above it the triplets that expire first are dropped: in a flood, attempts that are never repeated. About 50 MB."""
_LOOKS = 20
"""Whenever a process has written so great a part (1/n) of them, it counts, which takes 20 ms of its writing thread."""
BATCH = 1000
"""Rows that one transaction removes."""
_COUNT = "SELECT count(*) FROM greylist"
_CUT = "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist ORDER BY until LIMIT ?)"
_FORGET = "DELETE FROM greylist WHERE key IN (SELECT key FROM greylist WHERE until < ? LIMIT ?)"


class EmbeddedGreylist:
    """See `compostela.core.filtering.ports`."""

    def __init__(self, writer: Writer, reader: Reader, most: int = MAX_TRIPLETS) -> None:
        self._writer = writer
        self._reader = reader
        self._most = most
        self._written = 0
        """Since the rows were counted."""

    async def find(self, key: bytes) -> SeenTriplet | None:
        row = self._reader.execute("SELECT since, until, has_passed FROM greylist WHERE key = ?", (key,)).fetchone()
        return None if row is None else SeenTriplet(row[0], row[1], bool(row[2]))

    async def remember(self, key: bytes, seen: SeenTriplet) -> None:
        values = (key, seen.since, seen.until, seen.has_passed)
        await self._writer.execute("REPLACE INTO greylist VALUES (?, ?, ?, ?)", values)
        self._written += 1
        if self._written * _LOOKS > self._most:
            self._written = 0
            await cut_triplets(self._writer, self._most)


async def forget_old_triplets(writer: Writer, now: float) -> None:
    """Removes those whose time is over by then (epoch seconds)."""
    while await writer.execute(_FORGET, (now, BATCH), frees_space=True, is_long=True) == BATCH:
        pass


async def cut_triplets(writer: Writer, most: int = MAX_TRIPLETS) -> None:
    """Leaves so many at most."""

    def count(tx: Transaction) -> int:
        return int(tx.execute(_COUNT).fetchone()[0])

    excess = await writer.run(count, frees_space=True, is_long=True) - most
    while excess > 0:
        batch = min(excess, BATCH)
        await writer.execute(_CUT, (batch,), frees_space=True, is_long=True)
        excess -= batch
