"""The rewrite table: the mappings of a source in one partition, and the sources of a target in another."""

import itertools
from collections.abc import AsyncIterator

from compostela.adapters.cassandra.errors import OutcomeUnknown
from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.pairs import Pairs, PairTables
from compostela.adapters.cassandra.session import CassandraSession
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.model.domain import Domain

ANY_LOCAL_PART = "*"
_TABLES = PairTables("mapping", "mapping_source", ("domain", "local_part", "type", "target"))
_MAPPINGS = "SELECT type, target FROM mapping WHERE domain = ? AND local_part = ?"
_SOURCES = "SELECT domain, local_part, type, target FROM mapping_source WHERE type = ? AND target = ?"
_ALL = "SELECT domain, local_part, type, target FROM mapping"
_ALL_SOURCES = "SELECT domain, local_part, type, target FROM mapping_source"
_ANY = "SELECT domain FROM mapping LIMIT 1"


class CassandraRewriting:
    """See `compostela.core.rewriting.ports`."""

    def __init__(self, session: CassandraSession, lookups: Lookups) -> None:
        self._session = session
        self._lookups = lookups
        self._pairs = Pairs(session, _TABLES)

    async def add(self, source: MappingSource, mapping: Mapping) -> bool:
        return await self._lookups.changing(self._pairs.add(_values(source, mapping)))

    async def remove(self, source: MappingSource, mapping: Mapping) -> bool:
        return await self._lookups.changing(self._pairs.remove(_values(source, mapping)))

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        return list(await self._lookups.get(("mappings", source), lambda: self._read_mappings(source)))

    async def _read_mappings(self, source: MappingSource) -> list[Mapping]:
        rows = await self._session.rows(_MAPPINGS, source.domain.name, source.local_part or ANY_LOCAL_PART)
        return _in_order([Mapping(MappingType[kind], target) for kind, target in rows])

    async def sources(self, mapping: Mapping) -> AsyncIterator[list[MappingSource]]:
        async for page in self._session.pages(_SOURCES, mapping.type.name, mapping.text):
            if found := [_source(row[0], row[1]) for row in await self._pairs.true_ones(page)]:
                yield found

    async def all(self) -> AsyncIterator[list[tuple[MappingSource, list[Mapping]]]]:
        # the last source of a page may go on in the next
        open_source: MappingSource | None = None
        open_mappings: list[Mapping] = []
        async for page in self._session.pages(_ALL):
            complete = []
            for (domain, local_part), rows in itertools.groupby(page, key=lambda row: (row[0], row[1])):
                source = _source(domain, local_part)
                if source != open_source:
                    if open_source is not None:
                        complete.append((open_source, _in_order(open_mappings)))
                    open_source, open_mappings = source, []
                open_mappings += [Mapping(MappingType[kind], target) for _, _, kind, target in rows]
            if complete:
                yield complete
        if open_source is not None:
            yield [(open_source, _in_order(open_mappings))]

    async def check(self) -> AsyncIterator[tuple[int, int]]:
        """Compare both tables and mend the reverse one: the rows that were looked at and the wrong ones among them, page by page."""
        async for page in self._session.pages(_ALL):
            yield len(page), await self._pairs.complete(page)
        async for page in self._session.pages(_ALL_SOURCES):
            yield len(page), len(page) - len(await self._pairs.true_ones(page))

    async def is_empty(self) -> bool:
        return await self._lookups.get("no mapping", self._is_empty)

    async def _is_empty(self) -> bool:
        try:
            return await self._session.first(_ANY) is None
        except OutcomeUnknown:
            # too many removed mappings lie before the first: that is what False may be wrong about
            return False


def _values(source: MappingSource, mapping: Mapping) -> tuple[str, str, str, str]:
    return source.domain.name, source.local_part or ANY_LOCAL_PART, mapping.type.name, mapping.text


def _source(domain: str, local_part: str) -> MappingSource:
    return MappingSource(None if local_part == ANY_LOCAL_PART else local_part, Domain(domain))


def _in_order(mappings: list[Mapping]) -> list[Mapping]:
    return sorted(mappings, key=lambda mapping: (mapping.type.order, mapping.type.prefix + mapping.text))
