"""Sieve scripts: those of a user in one partition, changed by one conditional batch on its revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.adapters.cassandra.sieve_marks import forget_marks
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.sieve.model import (
    MAX_SCRIPTS,
    ScriptEntry,
    ScriptIsActive,
    ScriptName,
    ScriptSpaceExceeded,
    StoredScript,
    TooManyScripts,
)
from compostela.model.username import Username

_ALL_USERS = "\n"
"""Holds the default quota: no user has this name."""
_LIST = "SELECT name, size, revision, active, quota FROM sieve_script WHERE user = ?"
_SCRIPT = "SELECT content, tree FROM sieve_script WHERE user = ? AND name = ?"
_ACTIVE = "SELECT DISTINCT user, active, active_text, active_tree FROM sieve_script WHERE user = ?"
_QUOTA = "SELECT DISTINCT user, quota FROM sieve_script WHERE user = ?"
_STATE = """UPDATE sieve_script SET revision = ?, quota = ?, active = ?, active_text = ?, active_tree = ?
    WHERE user = ? IF revision = ?"""
_PUT = "INSERT INTO sieve_script (user, name, size, content, tree) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM sieve_script WHERE user = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class _Held:
    """What a user has."""

    owner: str
    revision: int | None
    quota: int | None
    active: str | None
    sizes: Mapping[str, int]

    def needs(self, name: ScriptName) -> None:
        if name not in self.sizes:
            raise NotFound(f"{self.owner} has no script {name!r}")


class CassandraSieveScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, session: CassandraSession, most: int = MAX_SCRIPTS) -> None:
        self._session = session
        self._most = most

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        held = await self._held(user.value)
        return [ScriptEntry(ScriptName(name), size, name == held.active) for name, size in held.sizes.items()]

    async def script(self, user: Username, name: ScriptName) -> StoredScript | None:
        row = await self._session.first(_SCRIPT, user.value, name)
        return None if row is None else StoredScript(name, row[0], row[1])

    async def active(self, user: Username) -> StoredScript | None:
        row = await self._session.first(_ACTIVE, user.value)
        return None if row is None or row[1] is None else StoredScript(ScriptName(row[1]), row[2], row[3])

    async def put(self, user: Username, script: StoredScript, *, activate: bool = False) -> None:
        async def change() -> None:
            held = await self._held(user.value)
            await self._check(held, script.name, len(script.text))
            put = Statement(_PUT, (user.value, script.name, len(script.text), script.text, script.tree))
            becomes_active = activate or held.active == script.name
            await self._change(held, script if becomes_active else await self._stays(user, held), put)

        await planned(change)

    async def check_space(self, user: Username, name: ScriptName, size: int) -> None:
        await self._check(await self._held(user.value), name, size)

    async def _check(self, held: _Held, name: ScriptName, size: int) -> None:
        others = [each for other, each in held.sizes.items() if other != name]
        if len(others) >= self._most:
            raise TooManyScripts(f"a user may have at most {self._most} scripts")
        quota = held.quota if held.quota is not None else await self.quota(None)
        if quota is not None and sum(others) + size > quota:
            raise ScriptSpaceExceeded(f"the scripts would take {sum(others) + size} octets, the quota is {quota}")

    async def delete(self, user: Username, name: ScriptName) -> None:
        async def change() -> None:
            held = await self._held(user.value)
            held.needs(name)
            if held.active == name:
                raise ScriptIsActive(f"the script {name!r} is active: activate another one or none first")
            await self._change(held, await self._stays(user, held), Statement(_DELETE, (user.value, name)))

        await planned(change)

    async def rename(self, user: Username, name: ScriptName, new: ScriptName) -> None:
        async def change() -> None:
            held = await self._held(user.value)
            held.needs(name)
            if new in held.sizes:
                raise AlreadyExists(f"{user} has a script {new!r} already")
            old = await self._known(user, name)
            renamed = StoredScript(new, old.text, old.tree)
            await self._change(
                held,
                renamed if held.active == name else await self._stays(user, held),
                Statement(_PUT, (user.value, new, len(old.text), old.text, old.tree)),
                Statement(_DELETE, (user.value, name)),
            )

        await planned(change)

    async def activate(self, user: Username, name: ScriptName | None) -> None:
        async def change() -> None:
            held = await self._held(user.value)
            if name is not None:
                held.needs(name)
            await self._change(held, None if name is None else await self._known(user, name))

        await planned(change)

    async def quota(self, user: Username | None) -> int | None:
        row = await self._session.first(_QUOTA, _owner(user))
        return None if row is None else row[1]

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        async def change() -> None:
            held = await self._held(_owner(user))
            active = None if user is None else await self._stays(user, held)
            await self._change(_Held(held.owner, held.revision, size, held.active, held.sizes), active)

        await planned(change)

    async def forget(self, user: Username) -> None:
        async def change() -> None:
            held = await self._held(user.value)
            if held.revision is not None:
                nothing = _Held(held.owner, held.revision, None, None, {})
                await self._change(nothing, None, *(Statement(_DELETE, (user.value, name)) for name in held.sizes))

        await planned(change)
        await forget_marks(self._session, user)

    async def _held(self, owner: str) -> _Held:
        rows = await self._session.rows(_LIST, owner)
        if not rows:
            return _Held(owner, None, None, None, {})
        _, _, revision, active, quota = rows[0]
        # without scripts there is one row with the statics alone
        return _Held(owner, revision, quota, active, {row[0]: row[1] for row in rows if row[0] is not None})

    async def _known(self, user: Username, name: ScriptName) -> StoredScript:
        """A script that was there a moment ago."""
        found = await self.script(user, name)
        if found is None:
            raise Conflict
        return found

    async def _stays(self, user: Username, held: _Held) -> StoredScript | None:
        """The script that is active and stays it."""
        return None if held.active is None else await self._known(user, ScriptName(held.active))

    async def _change(self, held: _Held, active: StoredScript | None, *statements: Statement) -> None:
        name, text, tree = (None, None, None) if active is None else (active.name, active.text, active.tree)
        state = ((held.revision or 0) + 1, held.quota, name, text, tree, held.owner, held.revision)
        batch: Sequence[Statement] = (Statement(_STATE, state), *statements)
        if not (await self._session.batch_if(batch)).applied:
            raise Conflict


def _owner(user: Username | None) -> str:
    return _ALL_USERS if user is None else user.value
