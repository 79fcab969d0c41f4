"""Sieve scripts: those of a user in one partition, changed by one conditional batch on its revision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.adapters.cassandra.sieve_lists import ALL_USERS, forget_lists, move_lists, owner_of
from compostela.adapters.cassandra.sieve_marks import forget_marks, move_marks
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.sieve.model import (
    MAX_GLOBAL_SCRIPTS,
    MAX_SCRIPTS,
    ScriptEntry,
    ScriptIsActive,
    ScriptName,
    ScriptSpaceExceeded,
    StoredScript,
    TooManyScripts,
    freed_name,
)
from compostela.model.username import Username

_LIST = "SELECT name, size, revision, active, quota FROM sieve_script WHERE user = ?"
_SCRIPT = "SELECT content, tree FROM sieve_script WHERE user = ? AND name = ?"
_ACTIVE = "SELECT DISTINCT user, active, active_text, active_tree FROM sieve_script WHERE user = ?"
_QUOTA = "SELECT DISTINCT user, quota FROM sieve_script WHERE user = ?"
_STATE = """UPDATE sieve_script SET revision = ?, quota = ?, active = ?, active_text = ?, active_tree = ?
    WHERE user = ? IF revision = ?"""
_PUT = "INSERT INTO sieve_script (user, name, size, content, tree) VALUES (?, ?, ?, ?, ?)"
_DELETE = "DELETE FROM sieve_script WHERE user = ? AND name = ?"


@dataclass(frozen=True, slots=True)
class Held:
    """What a user has."""

    owner: str
    revision: int | None
    quota: int | None
    active: str | None
    sizes: Mapping[str, int]

    def needs(self, name: ScriptName) -> None:
        if name not in self.sizes:
            raise NotFound(f"{self.owner} has no script {name!r}")

    def entries(self) -> list[ScriptEntry]:
        return [ScriptEntry(ScriptName(name), size, name == self.active) for name, size in self.sizes.items()]


class ScriptRows:
    """The scripts of one owner: a user, or all users."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def held(self, owner: str) -> Held:
        rows = await self._session.rows(_LIST, owner)
        if not rows:
            return Held(owner, None, None, None, {})
        _, _, revision, active, quota = rows[0]
        # without scripts there is one row with the statics alone
        return Held(owner, revision, quota, active, {row[0]: row[1] for row in rows if row[0] is not None})

    async def script(self, owner: str, name: ScriptName) -> StoredScript | None:
        row = await self._session.first(_SCRIPT, owner, name)
        return None if row is None else StoredScript(name, row[0], row[1])

    async def known(self, owner: str, name: ScriptName) -> StoredScript:
        """A script that was there a moment ago."""
        found = await self.script(owner, name)
        if found is None:
            raise Conflict
        return found

    async def stays(self, held: Held) -> StoredScript | None:
        """The script that is active and stays it."""
        return None if held.active is None else await self.known(held.owner, ScriptName(held.active))

    async def change(self, held: Held, active: StoredScript | None, *statements: Statement) -> None:
        """Raises `Conflict`."""
        name, text, tree = (None, None, None) if active is None else (active.name, active.text, active.tree)
        state = ((held.revision or 0) + 1, held.quota, name, text, tree, held.owner, held.revision)
        batch: Sequence[Statement] = (Statement(_STATE, state), *statements)
        if not (await self._session.batch_if(batch)).applied:
            raise Conflict


class CassandraSieveScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session
        self._rows = ScriptRows(session)

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        return (await self._rows.held(user.value)).entries()

    async def script(self, user: Username, name: ScriptName) -> StoredScript | None:
        return await self._rows.script(user.value, name)

    async def active(self, user: Username) -> StoredScript | None:
        row = await self._session.first(_ACTIVE, user.value)
        return None if row is None or row[1] is None else StoredScript(ScriptName(row[1]), row[2], row[3])

    async def put(
        self, user: Username, script: StoredScript, *, activate: bool = False, most: int = MAX_SCRIPTS
    ) -> None:
        async def change() -> None:
            held = await self._rows.held(user.value)
            await self._check(held, script.name, len(script.text), most)
            becomes_active = activate or held.active == script.name
            active = script if becomes_active else await self._rows.stays(held)
            await self._rows.change(held, active, _put(user.value, script))

        await planned(change)

    async def check_space(self, user: Username, name: ScriptName, size: int, *, most: int = MAX_SCRIPTS) -> None:
        await self._check(await self._rows.held(user.value), name, size, most)

    async def _check(self, held: Held, name: ScriptName, size: int, most: int) -> None:
        others = [each for other, each in held.sizes.items() if other != name]
        if len(others) >= most:
            raise TooManyScripts(f"a user may have at most {most} scripts")
        quota = held.quota if held.quota is not None else await self.quota(None)
        if quota is not None and sum(others) + size > quota:
            raise ScriptSpaceExceeded(f"the scripts would take {sum(others) + size} octets, the quota is {quota}")

    async def delete(self, user: Username, name: ScriptName) -> None:
        async def change() -> None:
            held = await self._rows.held(user.value)
            held.needs(name)
            if held.active == name:
                raise ScriptIsActive(f"the script {name!r} is active: activate another one or none first")
            await self._rows.change(held, await self._rows.stays(held), Statement(_DELETE, (user.value, name)))

        await planned(change)

    async def rename(self, user: Username, name: ScriptName, new: ScriptName) -> None:
        async def change() -> None:
            held = await self._rows.held(user.value)
            held.needs(name)
            if new in held.sizes:
                raise AlreadyExists(f"{user} has a script {new!r} already")
            old = await self._rows.known(user.value, name)
            renamed = StoredScript(new, old.text, old.tree)
            active = renamed if held.active == name else await self._rows.stays(held)
            delete = Statement(_DELETE, (user.value, name))
            await self._rows.change(held, active, _put(user.value, renamed), delete)

        await planned(change)

    async def activate(self, user: Username, name: ScriptName | None) -> None:
        async def change() -> None:
            held = await self._rows.held(user.value)
            if name is not None:
                held.needs(name)
            await self._rows.change(held, None if name is None else await self._rows.known(user.value, name))

        await planned(change)

    async def quota(self, user: Username | None) -> int | None:
        row = await self._session.first(_QUOTA, owner_of(user))
        return None if row is None else row[1]

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        async def change() -> None:
            held = await self._rows.held(owner_of(user))
            await self._rows.change(replace(held, quota=size), await self._rows.stays(held))

        await planned(change)

    async def forget(self, user: Username) -> None:
        async def change() -> None:
            held = await self._rows.held(user.value)
            if held.revision is not None:
                deleted = (Statement(_DELETE, (user.value, name)) for name in held.sizes)
                await self._rows.change(replace(held, quota=None), None, *deleted)

        await planned(change)
        await forget_marks(self._session, user)
        await forget_lists(self._session, user)

    async def move(self, user: Username, new: Username) -> None:
        """Partition by partition and script by script: what `new` gets is written first. Repeated, a move that was cut off ends what it
        began, since a script that `new` has already is the same one."""
        held = await self._rows.held(user.value)
        if held.quota is not None:
            await self._give_quota(new, held.quota)
        for entry in held.entries():
            script = await self._rows.script(user.value, entry.name)
            if script is not None:
                await self._give(new, script, is_active=entry.is_active)
        await move_marks(self._session, user, new)
        await move_lists(self._session, user, new)
        if held.revision is not None:
            await self.forget(user)

    async def _give_quota(self, user: Username, quota: int) -> None:
        """Unless the user has one."""

        async def change() -> None:
            held = await self._rows.held(user.value)
            if held.quota is None:
                await self._rows.change(replace(held, quota=quota), await self._rows.stays(held))

        await planned(change)

    async def _give(self, user: Username, script: StoredScript, *, is_active: bool) -> None:
        """Under another name, if the user has another script of its name; active, if the user has no active one."""

        async def change() -> None:
            held = await self._rows.held(user.value)
            others = set()
            for name, size in held.sizes.items():
                if (
                    size != len(script.text)
                    or (await self._rows.known(user.value, ScriptName(name))).text != script.text
                ):
                    others.add(name)
            given = StoredScript(freed_name(script.name, others), script.text, script.tree)
            active = given if is_active and held.active is None else await self._rows.stays(held)
            await self._rows.change(held, active, _put(user.value, given))

        await planned(change)


class CassandraGlobalScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._rows = ScriptRows(session)

    async def scripts(self) -> list[ScriptEntry]:
        return (await self._rows.held(ALL_USERS)).entries()

    async def script(self, name: ScriptName) -> StoredScript | None:
        return await self._rows.script(ALL_USERS, name)

    async def put(self, script: StoredScript) -> None:
        async def change() -> None:
            held = await self._rows.held(ALL_USERS)
            if script.name not in held.sizes and len(held.sizes) >= MAX_GLOBAL_SCRIPTS:
                raise TooManyScripts(f"there may be at most {MAX_GLOBAL_SCRIPTS} global scripts")
            await self._rows.change(held, None, _put(ALL_USERS, script))

        await planned(change)

    async def delete(self, name: ScriptName) -> None:
        async def change() -> None:
            held = await self._rows.held(ALL_USERS)
            if name not in held.sizes:
                raise NotFound(f"there is no global script {name!r}")
            await self._rows.change(held, None, Statement(_DELETE, (ALL_USERS, name)))

        await planned(change)


def _put(owner: str, script: StoredScript) -> Statement:
    return Statement(_PUT, (owner, script.name, len(script.text), script.text, script.tree))
