"""Facts that are found from two sides: a row that is the truth and a reverse row that leads to it.

The row of the truth is written first and removed first, each time under a condition, so that the last call wins whatever the clocks of
nodes say. The reverse row follows. A reverse row without its truth is ignored, and the reader that meets it removes it. A call that
is cut off between the two leaves either that, or a truth without a reverse row, which the same call made again completes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.adapters.cassandra.session import CassandraSession, Row
from compostela.base.concurrency import side_by_side


@dataclass(frozen=True, slots=True)
class PairTables:
    """Two tables with the same columns and nothing but keys."""

    truth: str
    reverse: str
    columns: Sequence[str]


class Pairs:
    def __init__(self, session: CassandraSession, tables: PairTables) -> None:
        self._session = session
        names, marks = ", ".join(tables.columns), ", ".join("?" for _ in tables.columns)
        where = " AND ".join(f"{name} = ?" for name in tables.columns)
        self._add = f"INSERT INTO {tables.truth} ({names}) VALUES ({marks}) IF NOT EXISTS"
        self._remove = f"DELETE FROM {tables.truth} WHERE {where} IF EXISTS"
        self._find = f"SELECT {tables.columns[0]} FROM {tables.truth} WHERE {where}"
        self._add_reverse = f"INSERT INTO {tables.reverse} ({names}) VALUES ({marks}) IF NOT EXISTS"
        self._remove_reverse = f"DELETE FROM {tables.reverse} WHERE {where} IF EXISTS"

    async def add(self, values: Sequence[str]) -> bool:
        """False if it was there. The reverse row is written in either case."""
        added = await self._session.write_if(self._add, *values)
        await self._session.write_if(self._add_reverse, *values)
        return added.applied

    async def remove(self, values: Sequence[str]) -> bool:
        """False if it was not there. The reverse row is removed in either case."""
        removed = await self._session.write_if(self._remove, *values)
        await self._remove_reverse_row(values)
        return removed.applied

    async def _remove_reverse_row(self, values: Sequence[str]) -> None:
        await self._session.write_if(self._remove_reverse, *values)
        # one that adds it again at this moment may have written the reverse row before it was removed here
        if await self._is_true(values):
            await self._session.write_if(self._add_reverse, *values)

    async def _is_true(self, values: Sequence[str]) -> bool:
        return await self._session.first(self._find, *values) is not None

    async def complete(self, rows: Sequence[Row]) -> int:
        """Write the reverse rows that are missing for rows of the truth, with all columns in their order. Return how many were."""

        async def complete(values: Row) -> bool:
            added = await self._session.write_if(self._add_reverse, *values)
            if added.applied and not await self._is_true(values):
                # it was removed at this moment
                await self._session.write_if(self._remove_reverse, *values)
                return False
            return added.applied

        return sum(await side_by_side(rows, complete))

    async def true_ones(self, rows: Sequence[Row]) -> list[Row]:
        """Of reverse rows, with all columns in their order, those that hold. The others are removed."""
        hold = await side_by_side(rows, self._is_true)
        await side_by_side([row for row, holds in zip(rows, hold, strict=True) if not holds], self._remove_reverse_row)
        return [row for row, holds in zip(rows, hold, strict=True) if holds]
