"""Listener groups: a row for each, changed by conditional writes, and the lease of the node that runs it.

Each process knows the groups as they were a few seconds ago. So a new group is given the logs that changed meanwhile in a second
pass: see `listener_cursors`.
"""

import time
from dataclasses import dataclass

import msgspec

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.ids import new_id
from compostela.core.events.model import Group
from compostela.core.events.ports import TAKE_OVER_SECONDS

STALE_SECONDS = 5.0
"""How old the groups may be that a process knows."""
LEASE_SECONDS = int(TAKE_OVER_SECONDS)
"""After so long without a word another node may run a group."""
_ALL = "SELECT name, value, owner FROM listener_group WHERE part = 'all'"
_ONE = "SELECT value, owner FROM listener_group WHERE part = 'all' AND name = ?"
_SET = "UPDATE listener_group SET value = ? WHERE part = 'all' AND name = ? IF value = ?"
_REMOVE = "DELETE FROM listener_group WHERE part = 'all' AND name = ? IF value = ?"
_OWN = "UPDATE listener_group USING TTL ? SET owner = ? WHERE part = 'all' AND name = ? IF value = ? AND owner = ?"
_RELEASE = "UPDATE listener_group SET owner = null WHERE part = 'all' AND name = ? IF owner = ?"
_SERIAL = "LOCAL_SERIAL"


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    id: str
    needs_content: bool
    follows_trees: bool
    is_seeded: bool


@dataclass(frozen=True, slots=True)
class KnownGroup:
    """A group that comes again after it was removed has another id."""

    id: str
    group: Group
    is_seeded: bool
    """Whether it has been given all logs that there were before it."""
    owner: str | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


class ListenerGroups:
    """Those of the cluster, as one process knows them. All calls raise `TemporaryFailure`."""

    def __init__(
        self, session: CassandraSession, stale_seconds: float = STALE_SECONDS, lease_seconds: int = LEASE_SECONDS
    ) -> None:
        self._session = session
        self._lease_seconds = lease_seconds
        self._owner = new_id()
        self._stale_seconds = stale_seconds
        self._known: tuple[KnownGroup, ...] = ()
        self._good_until = 0.0

    # reading

    async def known(self) -> tuple[KnownGroup, ...]:
        """Maybe `stale_seconds` old."""
        begun = time.monotonic()
        if begun >= self._good_until:
            self._known = tuple(await self.all())
            self._good_until = begun + self._stale_seconds
        return self._known

    async def all(self) -> list[KnownGroup]:
        rows = await self._session.rows(_ALL, consistency=_SERIAL)
        return [_group(name, value, owner) for name, value, owner in rows if value is not None]

    async def find(self, name: str) -> KnownGroup | None:
        row = await self._session.first(_ONE, name, consistency=_SERIAL)
        return None if row is None or row[0] is None else _group(name, *row)

    # changing

    async def put(self, group: Group) -> KnownGroup:
        """Make a group or change it. One that begins to follow trees is to be seeded again."""

        async def change() -> KnownGroup:
            old = await self.find(group.name)
            if old is not None and old.group == group:
                return old
            is_seeded = old is not None and old.is_seeded and (old.group.follows_trees or not group.follows_trees)
            new = KnownGroup(new_id() if old is None else old.id, group, is_seeded)
            await self._replace(old, new)
            return new

        return await planned(change)

    async def note_seeded(self, known: KnownGroup) -> None:
        """Nothing if the group was changed meanwhile: then it is seeded again."""
        seeded = KnownGroup(known.id, known.group, is_seeded=True)
        await self._session.write_if(_SET, _value(seeded), known.group.name, _value(known))

    async def _replace(self, old: KnownGroup | None, new: KnownGroup) -> None:
        before = None if old is None else _value(old)
        if not (await self._session.write_if(_SET, _value(new), new.group.name, before)).applied:
            raise Conflict
        self._good_until = 0.0

    async def remove(self, name: str) -> KnownGroup | None:
        """Return the group that was removed."""

        async def change() -> KnownGroup | None:
            old = await self.find(name)
            if old is not None and not (await self._session.write_if(_REMOVE, name, _value(old))).applied:
                raise Conflict
            return old

        removed = await planned(change)
        self._good_until = 0.0
        return removed

    # the lease

    async def acquire(self, name: str) -> bool:
        found = await self.find(name)
        if found is None or found.owner not in (None, self._owner):
            return False
        values = (self._lease_seconds, self._owner, name, _value(found), found.owner)
        return (await self._session.write_if(_OWN, *values)).applied

    async def release(self, name: str) -> None:
        await self._session.write_if(_RELEASE, name, self._owner)

    async def owned(self, name: str) -> KnownGroup | None:
        """The group, if this process has its lease."""
        found = await self.find(name)
        return found if found is not None and found.owner == self._owner else None


def _value(known: KnownGroup) -> bytes:
    return _encode(_Stored(known.id, known.group.needs_content, known.group.follows_trees, known.is_seeded))


def _group(name: str, value: bytes, owner: str | None) -> KnownGroup:
    stored = _decode(value)
    return KnownGroup(stored.id, Group(name, stored.needs_content, stored.follows_trees), stored.is_seeded, owner)
