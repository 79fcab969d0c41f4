"""Managed domains: one partition each."""

from collections.abc import AsyncIterator

from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.session import CassandraSession
from compostela.model.domain import Domain

_ADD = "INSERT INTO domain (name) VALUES (?) IF NOT EXISTS"
_REMOVE = "DELETE FROM domain WHERE name = ? IF EXISTS"
_FIND = "SELECT name FROM domain WHERE name = ?"
_ALL = "SELECT name FROM domain"


class CassandraDomains:
    """See `compostela.core.domains.ports`."""

    def __init__(self, session: CassandraSession, lookups: Lookups) -> None:
        self._session = session
        self._lookups = lookups

    async def add(self, domain: Domain) -> bool:
        return await self._change(_ADD, domain)

    async def remove(self, domain: Domain) -> bool:
        return await self._change(_REMOVE, domain)

    async def _change(self, text: str, domain: Domain) -> bool:
        return (await self._lookups.changing(self._session.write_if(text, domain.name))).applied

    async def contains(self, domain: Domain) -> bool:
        return await self._lookups.get(("domain", domain.name), lambda: self._is_there(domain))

    async def _is_there(self, domain: Domain) -> bool:
        return await self._session.first(_FIND, domain.name) is not None

    async def all(self) -> AsyncIterator[list[Domain]]:
        async for page in self._session.pages(_ALL):
            yield [Domain(row[0]) for row in page]
