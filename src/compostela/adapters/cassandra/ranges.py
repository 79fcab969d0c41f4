"""Removal of a range of rows whose table is changed under conditions only.

A range has no condition of its own. So its partition counts such removals in the static column `cleared`, and the range goes in one batch with
a conditional step of the counter: it takes its place in the order of the partition's conditional writes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession, Statement


@dataclass(frozen=True, slots=True)
class RangeTable:
    """A table with `cleared bigint static`."""

    name: str
    partition_key: Sequence[str]

    @property
    def _where(self) -> str:
        return " AND ".join(f"{column} = ?" for column in self.partition_key)

    @property
    def count(self) -> str:
        return f"SELECT DISTINCT {', '.join(self.partition_key)}, cleared FROM {self.name} WHERE {self._where}"

    @property
    def step(self) -> str:
        return f"UPDATE {self.name} SET cleared = ? WHERE {self._where} IF cleared = ?"


async def clear_range(session: CassandraSession, table: RangeTable, key: Sequence[str], cut: Statement) -> None:
    """Carries out `cut`, which removes a range of the partition with this key. May be repeated."""

    async def change() -> None:
        row = await session.first(table.count, *key)
        if row is None:
            return
        cleared = row[-1]
        step = Statement(table.step, ((cleared or 0) + 1, *key, cleared))
        if not (await session.batch_if((step, cut))).applied:
            raise Conflict

    await planned(change)
