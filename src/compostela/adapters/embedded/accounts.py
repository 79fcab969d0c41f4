"""Users, domains and the rewrite table in SQLite."""

import os
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import apsw

from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.rewriting.model import Mapping, MappingSource, MappingType
from compostela.core.users.ports import NamesPage
from compostela.model.domain import Domain
from compostela.model.username import Username

T = TypeVar("T")

ANY_LOCAL_PART = "*"
BATCH = 1000
_DOMAINS = "SELECT name FROM domain WHERE name > ? ORDER BY name LIMIT ?"
_SOURCES_OF = """SELECT domain, local_part FROM mapping WHERE type = ? AND text = ? AND (domain, local_part) > (?, ?)
    ORDER BY domain, local_part LIMIT ?"""
_SOURCES = """SELECT DISTINCT domain, local_part FROM mapping WHERE (domain, local_part) > (?, ?)
    ORDER BY domain, local_part LIMIT ?"""


class _Table:
    def __init__(self, writer: Writer, reader: Reader, lookups: Lookups) -> None:
        self._writer = writer
        self._reader = reader
        self._lookups = lookups

    async def _write(self, job: Callable[[Transaction], T]) -> T:
        return await self._writer.run(self._lookups.changing(job))

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        """Whether a row changed."""

        def job(tx: Transaction) -> bool:
            tx.execute(statement, values)
            return tx.connection.changes() > 0

        return await self._write(job)


class EmbeddedUsers(_Table):
    """See `compostela.core.users.ports`."""

    async def exists(self, user: Username) -> bool:
        return self._lookups.get(("user", user.value), lambda: self._is_there(user))

    def _is_there(self, user: Username) -> bool:
        return self._reader.execute("SELECT 1 FROM user WHERE name = ?", (user.value,)).fetchone() is not None

    async def password_hash(self, user: Username) -> str | None:
        row = self._reader.execute("SELECT password FROM user WHERE name = ?", (user.value,)).fetchone()
        return None if row is None else str(row[0])

    async def scram(self, user: Username) -> str | None:
        row = self._reader.execute("SELECT scram FROM user WHERE name = ?", (user.value,)).fetchone()
        return None if row is None else row[0]

    async def add(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        domain = "" if user.domain is None else user.domain.name

        def job(tx: Transaction) -> None:
            try:
                tx.execute("INSERT INTO user VALUES (?, ?, ?, ?)", (user.value, domain, password_hash, scram))
            except apsw.ConstraintError as error:
                raise AlreadyExists(f"the user {user} exists") from error

        await self._write(job)

    async def set_password_hash(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        changed = "UPDATE user SET password = ?, scram = ? WHERE name = ?"
        if not await self._change(changed, (password_hash, scram, user.value)):
            raise NotFound(f"the user {user} does not exist")

    async def renew(self, user: Username, before: str, password_hash: str, scram: str) -> bool:
        changed = "UPDATE user SET password = ?, scram = ? WHERE name = ? AND password = ?"
        return await self._change(changed, (password_hash, scram, user.value, before))

    async def secret(self, name: str) -> bytes:
        key = f"secret:{name}"
        found = "SELECT value FROM setting WHERE name = ?"
        if self._reader.execute(found, (key,)).fetchone() is None:
            await self._change("INSERT OR IGNORE INTO setting VALUES (?, ?)", (key, os.urandom(32).hex()))
        return bytes.fromhex(self._reader.execute(found, (key,)).fetchone()[0])

    async def remove(self, user: Username) -> bool:
        def job(tx: Transaction) -> bool:
            tx.execute("DELETE FROM delegation WHERE base = ?1 OR delegate = ?1", (user.value,))
            tx.execute("DELETE FROM user WHERE name = ?", (user.value,))
            return tx.connection.changes() > 0

        return await self._write(job)

    async def names(self, *, domain: Domain | None = None, cursor: str | None = None, limit: int = 1000) -> NamesPage:
        where, values = ("domain = ? AND ", (domain.name,)) if domain is not None else ("", ())
        rows = self._reader.execute(
            f"SELECT name FROM user WHERE {where}name > ? ORDER BY name LIMIT ?",
            (*values, cursor or "", limit),
        )
        names = [Username(row[0]) for row in rows.fetchall()]
        return NamesPage(names, names[-1].value if names and len(names) == limit else None)


class EmbeddedDelegations(_Table):
    """See `compostela.core.authentication.ports`."""

    async def delegates(self, base: Username) -> list[Username]:
        return self._names("SELECT delegate FROM delegation WHERE base = ? ORDER BY delegate", base)

    async def bases(self, delegate: Username) -> list[Username]:
        return self._names("SELECT base FROM delegation WHERE delegate = ? ORDER BY base", delegate)

    def _names(self, statement: str, user: Username) -> list[Username]:
        return [Username(row[0]) for row in self._reader.execute(statement, (user.value,)).fetchall()]

    async def allow(self, base: Username, delegate: Username) -> None:
        await self._change("INSERT OR IGNORE INTO delegation VALUES (?, ?)", (base.value, delegate.value))

    async def forbid(self, base: Username, delegate: Username) -> None:
        await self._change("DELETE FROM delegation WHERE base = ? AND delegate = ?", (base.value, delegate.value))

    async def forget(self, user: Username) -> None:
        await self._change("DELETE FROM delegation WHERE base = ?1 OR delegate = ?1", (user.value,))


class EmbeddedDomains(_Table):
    """See `compostela.core.domains.ports`."""

    async def add(self, domain: Domain) -> bool:
        return await self._change("INSERT OR IGNORE INTO domain VALUES (?)", (domain.name,))

    async def remove(self, domain: Domain) -> bool:
        return await self._change("DELETE FROM domain WHERE name = ?", (domain.name,))

    async def contains(self, domain: Domain) -> bool:
        return self._lookups.get(("domain", domain.name), lambda: self._is_there(domain))

    def _is_there(self, domain: Domain) -> bool:
        return self._reader.execute("SELECT 1 FROM domain WHERE name = ?", (domain.name,)).fetchone() is not None

    async def all(self) -> AsyncIterator[list[Domain]]:
        last = ""
        while rows := self._reader.execute(_DOMAINS, (last, BATCH)).fetchall():
            last = rows[-1][0]
            yield [Domain(row[0]) for row in rows]


class EmbeddedRewriting(_Table):
    """See `compostela.core.rewriting.ports`."""

    async def add(self, source: MappingSource, mapping: Mapping) -> bool:
        return await self._change("INSERT OR IGNORE INTO mapping VALUES (?, ?, ?, ?)", _values(source, mapping))

    async def remove(self, source: MappingSource, mapping: Mapping) -> bool:
        return await self._change(
            "DELETE FROM mapping WHERE local_part = ? AND domain = ? AND type = ? AND text = ?",
            _values(source, mapping),
        )

    async def mappings(self, source: MappingSource) -> list[Mapping]:
        return list(self._lookups.get(("mappings", source), lambda: self._read_mappings(source)))

    def _read_mappings(self, source: MappingSource) -> list[Mapping]:
        rows = self._reader.execute(
            "SELECT type, text FROM mapping WHERE domain = ? AND local_part = ?",
            (source.domain.name, source.local_part or ANY_LOCAL_PART),
        )
        return _in_order([Mapping(MappingType[kind], text) for kind, text in rows.fetchall()])

    async def sources(self, mapping: Mapping) -> AsyncIterator[list[MappingSource]]:
        target, last = (mapping.type.name, mapping.text), ("", "")
        while rows := self._reader.execute(_SOURCES_OF, (*target, *last, BATCH)).fetchall():
            last = rows[-1]
            yield [_source(local_part, domain) for domain, local_part in rows]

    async def all(self) -> AsyncIterator[list[tuple[MappingSource, list[Mapping]]]]:
        last = ("", "")
        while rows := self._reader.execute(_SOURCES, (*last, BATCH)).fetchall():
            last = rows[-1]
            sources = [_source(local_part, domain) for domain, local_part in rows]
            # one that was removed since has no mapping any more
            found = [(source, self._read_mappings(source)) for source in sources]
            yield [(source, mappings) for source, mappings in found if mappings]

    async def is_empty(self) -> bool:
        return self._lookups.get("no mapping", self._is_empty)

    def _is_empty(self) -> bool:
        return self._reader.execute("SELECT 1 FROM mapping LIMIT 1").fetchone() is None


def _values(source: MappingSource, mapping: Mapping) -> tuple[str, str, str, str]:
    return source.local_part or ANY_LOCAL_PART, source.domain.name, mapping.type.name, mapping.text


def _source(local_part: str, domain: str) -> MappingSource:
    return MappingSource(None if local_part == ANY_LOCAL_PART else local_part, Domain(domain))


def _in_order(mappings: list[Mapping]) -> list[Mapping]:
    return sorted(mappings, key=lambda mapping: (mapping.type.order, mapping.type.prefix + mapping.text))
