"""External lists of Sieve.

The members of a list are written under a new version, and then the list's row is led to it by one conditional batch: a list changes whole, however
long it is. The members of the version before are removed after that; a reader that was among them looks for the version again.
"""

from collections.abc import Sequence

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound
from compostela.base.ids import new_id
from compostela.core.sieve.lists import MAX_LISTS, TooManyLists
from compostela.model.username import Username

ALL_USERS = "\n"
"""Holds the default quota, the global scripts and the global lists: no user has this name."""
BATCH = 100
"""Members that one batch writes."""
AT_ONCE = 4
_NAMES = "SELECT name, version, revision FROM sieve_list WHERE owner = ?"
_VERSION = "SELECT version FROM sieve_list WHERE owner = ? AND name = ?"
_STEP = "UPDATE sieve_list SET revision = ? WHERE owner = ? IF revision = ?"
_LEAD = "INSERT INTO sieve_list (owner, name, version) VALUES (?, ?, ?)"
_DROP = "DELETE FROM sieve_list WHERE owner = ? AND name = ?"
_MEMBERS = "SELECT member FROM sieve_list_member WHERE version = ?"
_MEMBER = "SELECT member FROM sieve_list_member WHERE version = ? AND member = ?"
_ADD = "INSERT INTO sieve_list_member (version, member) VALUES (?, ?) USING TIMESTAMP 1"
_REMOVE = "DELETE FROM sieve_list_member USING TIMESTAMP 2 WHERE version = ?"


class CassandraSieveLists:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def names(self, user: Username | None) -> list[str]:
        rows = await self._session.rows(_NAMES, owner_of(user))
        # without lists there is one row with the revision alone
        return [row[0] for row in rows if row[0] is not None]

    async def members(self, user: Username | None, name: str) -> list[str] | None:
        async def read() -> list[str] | None:
            version = await self._version(user, name)
            if version is None:
                return None
            members = [row[0] for row in await self._session.rows(_MEMBERS, version)]
            if await self._version(user, name) != version:
                raise Conflict
            return members

        return await planned(read)

    async def seen_by(self, user: Username, name: str) -> Username | None:
        for owner in (user, None):
            if await self._version(owner, name) is not None:
                return owner
        raise NotFound(f"{user} has no list {name!r}, and there is none for all users")

    async def contains(self, user: Username | None, name: str, member: str) -> bool:
        async def read() -> bool:
            version = await self._version(user, name)
            if version is None:
                return False
            if await self._session.first(_MEMBER, version, member) is not None:
                return True
            if await self._version(user, name) != version:
                raise Conflict
            return False

        return bool(member) and await planned(read)

    async def put(self, user: Username | None, name: str, members: Sequence[str]) -> None:
        owner, version = owner_of(user), new_id()
        batches = [members[start : start + BATCH] for start in range(0, len(members), BATCH)]

        async def write(batch: Sequence[str]) -> None:
            await self._session.batch([Statement(_ADD, (version, member)) for member in batch])

        async def change() -> str | None:
            known, revision = await _lists(self._session, owner)
            if name not in known and len(known) >= MAX_LISTS:
                raise TooManyLists(f"there may be at most {MAX_LISTS} lists")
            step = Statement(_STEP, ((revision or 0) + 1, owner, revision))
            lead = Statement(_LEAD, (owner, name, version))
            if not (await self._session.batch_if((step, lead))).applied:
                raise Conflict
            return known.get(name)

        await side_by_side(batches, write, AT_ONCE)
        try:
            before = await planned(change)
        except TooManyLists:
            await _remove(self._session, version)
            raise
        if before is not None:
            await _remove(self._session, before)

    async def delete(self, user: Username | None, name: str) -> None:
        if not await _drop(self._session, owner_of(user), [name]):
            raise NotFound(f"there is no list {name!r}")

    async def _version(self, user: Username | None, name: str) -> str | None:
        row = await self._session.first(_VERSION, owner_of(user), name)
        return None if row is None else row[0]


async def forget_lists(session: CassandraSession, user: Username) -> None:
    """Removes all lists of a user. May be repeated."""
    known, _ = await _lists(session, user.value)
    if known:
        await _drop(session, user.value, list(known))


async def move_lists(session: CassandraSession, user: Username, new: Username) -> None:
    """Gives the lists of `user` to `new`, list by list; those that `new` has stay. May be repeated."""
    for name, version in (await _lists(session, user.value))[0].items():
        if await _give(session, new.value, name, version):
            await _drop(session, user.value, [name], removes=False)
        else:
            await _drop(session, user.value, [name])


async def _give(session: CassandraSession, owner: str, name: str, version: str) -> bool:
    """Lead the owner's list to this version, unless it leads to another one."""

    async def change() -> bool:
        known, revision = await _lists(session, owner)
        if name in known:
            return known[name] == version
        step = Statement(_STEP, ((revision or 0) + 1, owner, revision))
        if not (await session.batch_if((step, Statement(_LEAD, (owner, name, version))))).applied:
            raise Conflict
        return True

    return await planned(change)


async def _lists(session: CassandraSession, owner: str) -> tuple[dict[str, str], int | None]:
    """The version of each list by its name, and the owner's revision."""
    rows = await session.rows(_NAMES, owner)
    return {row[0]: row[1] for row in rows if row[0] is not None}, rows[0][2] if rows else None


async def _drop(session: CassandraSession, owner: str, names: Sequence[str], *, removes: bool = True) -> bool:
    """False if none of the lists was there. The members go too, unless another list leads to them (`removes`)."""

    async def change() -> list[str]:
        known, revision = await _lists(session, owner)
        found = [name for name in names if name in known]
        if found:
            step = Statement(_STEP, ((revision or 0) + 1, owner, revision))
            if not (await session.batch_if((step, *(Statement(_DROP, (owner, name)) for name in found)))).applied:
                raise Conflict
        return [known[name] for name in found]

    versions = await planned(change)
    for version in versions if removes else ():
        await _remove(session, version)
    return bool(versions)


async def _remove(session: CassandraSession, version: str) -> None:
    await session.write(_REMOVE, version)


def owner_of(user: Username | None) -> str:
    return ALL_USERS if user is None else user.value
