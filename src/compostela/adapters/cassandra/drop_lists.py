"""Drop lists: a partition each."""

from collections.abc import AsyncIterator, Collection

from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.ranges import RangeTable, clear_range
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.concurrency import side_by_side
from compostela.core.drop_lists.model import Denied, DeniedKind, DropList

_KINDS = (DeniedKind.DOMAIN, DeniedKind.ADDRESS)
"""In the order of a list. Their indexes are stored."""
_TABLE = RangeTable("drop_list", ("scope", "owner"))
_KEY = "scope = ? AND owner = ? AND kind = ? AND name = ?"
_ADD = "INSERT INTO drop_list (scope, owner, kind, name) VALUES (?, ?, ?, ?) IF NOT EXISTS"
_REMOVE = f"DELETE FROM drop_list WHERE {_KEY} IF EXISTS"
_FIND = f"SELECT name FROM drop_list WHERE {_KEY}"
_CLEAR = "DELETE FROM drop_list WHERE scope = ? AND owner = ? AND kind >= 0"
_ENTRIES = "SELECT kind, name FROM drop_list WHERE scope = ? AND owner = ?"


class CassandraDropLists:
    """See `compostela.core.drop_lists.ports`."""

    def __init__(self, session: CassandraSession, lookups: Lookups) -> None:
        self._session = session
        self._lookups = lookups

    async def add(self, owner: DropList, denied: Denied) -> None:
        await self._lookups.changing(self._session.write_if(_ADD, *_key(owner, denied)))

    async def remove(self, owner: DropList, denied: Denied) -> None:
        await self._lookups.changing(self._session.write_if(_REMOVE, *_key(owner, denied)))

    async def clear(self, owner: DropList) -> None:
        key = (owner.scope.value, owner.owner)
        await self._lookups.changing(clear_range(self._session, _TABLE, key, Statement(_CLEAR, key)))

    async def contains(self, owner: DropList, denied: Denied) -> bool:
        return await self._lookups.get(("denied", owner, denied), lambda: self._is_there(owner, denied))

    async def _is_there(self, owner: DropList, denied: Denied) -> bool:
        return await self._session.first(_FIND, *_key(owner, denied)) is not None

    async def denies(self, owners: Collection[DropList], denied: Collection[Denied]) -> bool:
        pairs = [(owner, one) for owner in owners for one in denied]
        return any(await side_by_side(pairs, lambda pair: self.contains(*pair)))

    async def entries(self, owner: DropList) -> AsyncIterator[list[Denied]]:
        async for page in self._session.pages(_ENTRIES, owner.scope.value, owner.owner):
            # a list that was cleared has a row without a name
            if found := [Denied(_KINDS[kind], name) for kind, name in page if kind is not None]:
                yield found


def _key(owner: DropList, denied: Denied) -> tuple[str, str, int, str]:
    return owner.scope.value, owner.owner, _KINDS.index(denied.kind), denied.name
