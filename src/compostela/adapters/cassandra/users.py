"""Users and delegations. A user is one row, changed under conditions only, in one of 64 partitions of its domain."""

import os
import zlib

from compostela.adapters.cassandra.lookups import Lookups
from compostela.adapters.cassandra.pairs import Pairs, PairTables
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.concurrency import side_by_side
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.authentication.ports import DelegationStore
from compostela.core.users.ports import NamesPage
from compostela.model.domain import Domain
from compostela.model.username import Username

BUCKETS = 64
"""Part of the tables' layout: it cannot be changed once there are users. Ten million users of a domain are 30 MB a partition."""
SPARE_NAMES = 8
"""Read of each bucket beyond its share of a page, since shares differ."""

_KEY = "domain = ? AND bucket = ? AND name = ?"
_EXISTS = f"SELECT name FROM user WHERE {_KEY}"
_PASSWORD = f"SELECT password FROM user WHERE {_KEY}"
_SCRAM = f"SELECT scram FROM user WHERE {_KEY}"
_ADD = "INSERT INTO user (domain, bucket, name, password, scram) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
_SET = f"UPDATE user SET password = ?, scram = ? WHERE {_KEY} IF EXISTS"
_RENEW = f"UPDATE user SET password = ?, scram = ? WHERE {_KEY} IF password = ?"
_REMOVE = f"DELETE FROM user WHERE {_KEY} IF EXISTS"
_NAMES = "SELECT name FROM user WHERE domain = ? AND bucket = ? AND name > ? LIMIT ?"
_FIRST_NAMES = "SELECT domain, bucket, name FROM user LIMIT ?"
_NEXT_NAMES = "SELECT domain, bucket, name FROM user WHERE token(domain, bucket) > token(?, ?) LIMIT ?"
_SECRET = "SELECT value FROM secret WHERE name = ?"
_ADD_SECRET = "INSERT INTO secret (name, value) VALUES (?, ?) IF NOT EXISTS"
_DELEGATES = "SELECT delegate FROM delegation WHERE base = ?"
_BASES = "SELECT base, delegate FROM delegate_of WHERE delegate = ?"
_DELEGATIONS = PairTables("delegation", "delegate_of", ("base", "delegate"))
_SECRET_LENGTH = 32


class CassandraUsers:
    """See `compostela.core.users.ports`."""

    def __init__(self, session: CassandraSession, lookups: Lookups, delegations: DelegationStore) -> None:
        self._session = session
        self._lookups = lookups
        self._delegations = delegations

    async def exists(self, user: Username) -> bool:
        return await self._lookups.get(("user", user.value), lambda: self._is_there(user))

    async def _is_there(self, user: Username) -> bool:
        return await self._session.first(_EXISTS, *_key(user)) is not None

    async def password_hash(self, user: Username) -> str | None:
        row = await self._session.first(_PASSWORD, *_key(user))
        return None if row is None else row[0]

    async def scram(self, user: Username) -> str | None:
        row = await self._session.first(_SCRAM, *_key(user))
        return None if row is None else row[0]

    async def add(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        if not await self._change(_ADD, *_key(user), password_hash, scram):
            raise AlreadyExists(f"the user {user} exists")

    async def set_password_hash(self, user: Username, password_hash: str, scram: str | None = None) -> None:
        if not await self._change(_SET, password_hash, scram, *_key(user)):
            raise NotFound(f"the user {user} does not exist")

    async def renew(self, user: Username, before: str, password_hash: str, scram: str) -> bool:
        return await self._change(_RENEW, password_hash, scram, *_key(user), before)

    async def remove(self, user: Username) -> bool:
        # first: a delegation that is left over would be that of the next user of this name
        await self._delegations.forget(user)
        return await self._change(_REMOVE, *_key(user))

    async def _change(self, text: str, *values: object) -> bool:
        return (await self._lookups.changing(self._session.write_if(text, *values))).applied

    async def secret(self, name: str) -> bytes:
        row = await self._session.first(_SECRET, name)
        if row is None:
            await self._session.write_if(_ADD_SECRET, name, os.urandom(_SECRET_LENGTH))
            row = await self._session.first(_SECRET, name)
        if row is None:
            raise NotFound(f"the secret {name!r} was removed while it was made")
        return bytes(row[0])

    async def names(self, *, domain: Domain | None = None, cursor: str | None = None, limit: int = 1000) -> NamesPage:
        return await (
            self._all_names(cursor, limit) if domain is None else self._of_domain(domain, cursor or "", limit)
        )

    async def _of_domain(self, domain: Domain, last: str, limit: int) -> NamesPage:
        """The buckets merged, as far as every bucket was read."""
        share = min(limit, limit // BUCKETS + SPARE_NAMES)

        async def read(bucket: int) -> list[str]:
            return [row[0] for row in await self._session.rows(_NAMES, domain.name, bucket, last, share)]

        buckets = await side_by_side(range(BUCKETS), read)
        known_to = min((names[-1] for names in buckets if len(names) == share), default=None)
        names = sorted(name for names in buckets for name in names if known_to is None or name <= known_to)
        is_last = known_to is None and len(names) <= limit
        return NamesPage([Username(name) for name in names[:limit]], None if is_last else names[:limit][-1])

    async def _all_names(self, cursor: str | None, limit: int) -> NamesPage:
        """In the order of the partitions' tokens, and by name in a partition."""
        rows: list[tuple[str, int, str]] = []
        if cursor is None:
            rows += await self._session.rows(_FIRST_NAMES, limit)
        else:
            last = Username(cursor)
            domain, bucket, name = _key(last)
            rest = await self._session.rows(_NAMES, domain, bucket, name, limit)
            rows += [(domain, bucket, row[0]) for row in rest]
            if len(rows) < limit:
                rows += await self._session.rows(_NEXT_NAMES, domain, bucket, limit - len(rows))
        names = [Username(row[2]) for row in rows]
        return NamesPage(names, names[-1].value if names and len(names) == limit else None)


class CassandraDelegations:
    """See `compostela.core.authentication.ports`. No answer is remembered: a permission that was taken away is gone at once."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._pairs = Pairs(session, _DELEGATIONS)

    async def delegates(self, base: Username) -> list[Username]:
        return [Username(row[0]) for row in await self._session.rows(_DELEGATES, base.value)]

    async def bases(self, delegate: Username) -> list[Username]:
        rows = await self._session.rows(_BASES, delegate.value)
        return [Username(row[0]) for row in await self._pairs.true_ones(rows)]

    async def allow(self, base: Username, delegate: Username) -> None:
        await self._pairs.add((base.value, delegate.value))

    async def forbid(self, base: Username, delegate: Username) -> None:
        await self._pairs.remove((base.value, delegate.value))

    async def forget(self, user: Username) -> None:
        pairs = [(user, delegate) for delegate in await self.delegates(user)]
        pairs += [(base, user) for base in await self.bases(user)]
        await side_by_side(pairs, lambda pair: self.forbid(*pair))


def _key(user: Username) -> tuple[str, int, str]:
    domain = "" if user.domain is None else user.domain.name
    return domain, zlib.crc32(user.value.encode()) % BUCKETS, user.value
