"""Drop lists in SQLite."""

from collections.abc import AsyncIterator, Collection
from itertools import product

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Writer
from compostela.core.drop_lists.model import Denied, DeniedKind, DropList

BATCH = 1000
_KEY = "scope = ? AND owner = ? AND kind = ? AND name = ?"
_HAS = f"SELECT 1 FROM drop_list WHERE {_KEY}"
_ENTRIES = "SELECT name FROM drop_list WHERE scope = ? AND owner = ? AND kind = ? AND name > ? ORDER BY name LIMIT ?"


class EmbeddedDropLists:
    """See `compostela.core.drop_lists.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def add(self, owner: DropList, denied: Denied) -> None:
        await self._writer.execute("INSERT OR IGNORE INTO drop_list VALUES (?, ?, ?, ?)", _key(owner, denied))

    async def remove(self, owner: DropList, denied: Denied) -> None:
        await self._writer.execute(f"DELETE FROM drop_list WHERE {_KEY}", _key(owner, denied), frees_space=True)

    async def clear(self, owner: DropList) -> None:
        statement = "DELETE FROM drop_list WHERE scope = ? AND owner = ?"
        await self._writer.execute(statement, (owner.scope.value, owner.owner), frees_space=True, is_long=True)

    async def contains(self, owner: DropList, denied: Denied) -> bool:
        return self._reader.execute(_HAS, _key(owner, denied)).fetchone() is not None

    async def denies(self, owners: Collection[DropList], denied: Collection[Denied]) -> bool:
        return any([await self.contains(*one) for one in product(owners, denied)])

    async def entries(self, owner: DropList) -> AsyncIterator[list[Denied]]:
        for kind in (DeniedKind.DOMAIN, DeniedKind.ADDRESS):
            last = ""
            while True:
                values = (owner.scope.value, owner.owner, kind.value, last, BATCH)
                names = [row[0] for row in self._reader.execute(_ENTRIES, values).fetchall()]
                if not names:
                    break
                yield [Denied(kind, name) for name in names]
                last = names[-1]


def _key(owner: DropList, denied: Denied) -> tuple[str, str, str, str]:
    return owner.scope.value, owner.owner, denied.kind.value, denied.name
