"""Sieve scripts and the marks of their runs in SQLite."""

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
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
)
from compostela.model.username import Username

EXPIRED_BATCH = 20
"""Marks past their time that each new one removes, so that their number stays near that of the marks in force."""
ALL_USERS = ""
"""Holds the default quota, the global scripts and the global lists: no user has this name."""
_IS_MARKED = "SELECT 1 FROM sieve_mark WHERE user = ? AND key = ? AND by <> ? AND until > ?"
_EXPIRE = "DELETE FROM sieve_mark WHERE (user, key) IN (SELECT user, key FROM sieve_mark WHERE until <= ? LIMIT ?)"


class EmbeddedSieveScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, writer: Writer, reader: Reader, lookups: Lookups) -> None:
        self._writer = writer
        self._reader = reader
        self._lookups = lookups

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        return _entries(self._reader, user.value)

    async def script(self, user: Username, name: ScriptName) -> StoredScript | None:
        return _script(self._reader, "name = ?", user.value, name)

    async def active(self, user: Username) -> StoredScript | None:
        def read() -> StoredScript | None:
            return _script(self._reader, "is_active", user.value)

        # each delivery asks, and most users have none
        return None if self._lookups.get(("no script", user.value), lambda: read() is None) else read()

    async def put(
        self, user: Username, script: StoredScript, *, activate: bool = False, most: int = MAX_SCRIPTS
    ) -> None:
        def job(tx: Transaction) -> None:
            self._check_space(tx.execute, user, script.name, len(script.text), most)
            _put(tx, user.value, script)
            if activate:
                _activate(tx, user, script.name)

        await self._writer.run(self._lookups.changing(job))

    async def check_space(self, user: Username, name: ScriptName, size: int, *, most: int = MAX_SCRIPTS) -> None:
        with self._reader.snapshot() as execute:
            self._check_space(execute, user, name, size, most)

    def _check_space(self, execute: Execute, user: Username, name: ScriptName, size: int, most: int) -> None:
        others, used = _others(execute, user.value, name)
        if others >= most:
            raise TooManyScripts(f"a user may have at most {most} scripts")
        quota = execute(
            "SELECT size FROM sieve_quota WHERE user IN (?, ?) ORDER BY user DESC LIMIT 1", (user.value, ALL_USERS)
        ).fetchone()
        if quota is not None and used + size > quota[0]:
            raise ScriptSpaceExceeded(f"the scripts would take {used + size} octets, the quota is {quota[0]}")

    async def delete(self, user: Username, name: ScriptName) -> None:
        def job(tx: Transaction) -> None:
            if _is_active(tx, user, name):
                raise ScriptIsActive(f"the script {name!r} is active: activate another one or none first")
            tx.execute("DELETE FROM sieve_script WHERE user = ? AND name = ?", (user.value, name))

        await self._writer.run(job)

    async def rename(self, user: Username, name: ScriptName, new: ScriptName) -> None:
        def job(tx: Transaction) -> None:
            _is_active(tx, user, name)
            taken = "SELECT 1 FROM sieve_script WHERE user = ? AND name = ?"
            if tx.execute(taken, (user.value, new)).fetchone() is not None:
                raise AlreadyExists(f"{user} has a script {new!r} already")
            tx.execute("UPDATE sieve_script SET name = ? WHERE user = ? AND name = ?", (new, user.value, name))

        await self._writer.run(job)

    async def activate(self, user: Username, name: ScriptName | None) -> None:
        await self._writer.run(self._lookups.changing(lambda tx: _activate(tx, user, name)))

    async def quota(self, user: Username | None) -> int | None:
        row = self._reader.execute("SELECT size FROM sieve_quota WHERE user = ?", (owner_of(user),)).fetchone()
        return None if row is None else int(row[0])

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        if size is None:
            await self._writer.execute("DELETE FROM sieve_quota WHERE user = ?", (owner_of(user),))
        else:
            await self._writer.execute("REPLACE INTO sieve_quota VALUES (?, ?)", (owner_of(user), size))

    async def forget(self, user: Username) -> None:
        def job(tx: Transaction) -> None:
            for table in ("sieve_script", "sieve_quota", "sieve_mark", "sieve_list"):
                tx.execute(f"DELETE FROM {table} WHERE user = ?", (user.value,))

        await self._writer.run(self._lookups.changing(job))


class EmbeddedGlobalScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def scripts(self) -> list[ScriptEntry]:
        return _entries(self._reader, ALL_USERS)

    async def script(self, name: ScriptName) -> StoredScript | None:
        return _script(self._reader, "name = ?", ALL_USERS, name)

    async def put(self, script: StoredScript) -> None:
        def job(tx: Transaction) -> None:
            others, _ = _others(tx.execute, ALL_USERS, script.name)
            if others >= MAX_GLOBAL_SCRIPTS:
                raise TooManyScripts(f"there may be at most {MAX_GLOBAL_SCRIPTS} global scripts")
            _put(tx, ALL_USERS, script)

        await self._writer.run(job)

    async def delete(self, name: ScriptName) -> None:
        def job(tx: Transaction) -> None:
            found = tx.execute("DELETE FROM sieve_script WHERE user = ? AND name = ? RETURNING 1", (ALL_USERS, name))
            if found.fetchone() is None:
                raise NotFound(f"there is no global script {name!r}")

        await self._writer.run(job)


class EmbeddedSieveMarks:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def is_marked(self, user: Username, key: bytes, by: str, now: float) -> bool:
        return self._reader.execute(_IS_MARKED, (user.value, key, by, now)).fetchone() is not None

    async def mark(self, user: Username, key: bytes, by: str, now: float, until: float) -> bool:
        def job(tx: Transaction) -> bool:
            if tx.execute(_IS_MARKED, (user.value, key, by, now)).fetchone() is not None:
                return False
            tx.execute("REPLACE INTO sieve_mark VALUES (?, ?, ?, ?)", (user.value, key, by, until))
            tx.execute(_EXPIRE, (now, EXPIRED_BATCH))
            return True

        return await self._writer.run(job)

    async def clear(self, user: Username, prefix: bytes) -> None:
        statement = "DELETE FROM sieve_mark WHERE user = ? AND substr(key, 1, ?) = ?"
        await self._writer.execute(statement, (user.value, len(prefix), prefix))


def _entries(reader: Reader, owner: str) -> list[ScriptEntry]:
    rows = reader.execute(
        "SELECT name, length(text), is_active FROM sieve_script WHERE user = ? ORDER BY name", (owner,)
    )
    return [ScriptEntry(ScriptName(name), size, bool(is_active)) for name, size, is_active in rows.fetchall()]


def _script(reader: Reader, which: str, *values: str) -> StoredScript | None:
    rows = reader.execute(f"SELECT name, text, tree FROM sieve_script WHERE user = ? AND {which}", values)
    row = rows.fetchone()
    return None if row is None else StoredScript(ScriptName(row[0]), row[1], row[2])


def _others(execute: Execute, owner: str, name: ScriptName) -> tuple[int, int]:
    """Number and octets of the owner's other scripts."""
    statement = "SELECT count(*), coalesce(sum(length(text)), 0) FROM sieve_script WHERE user = ? AND name <> ?"
    others, used = execute(statement, (owner, name)).fetchone()
    return others, used


def _put(tx: Transaction, owner: str, script: StoredScript) -> None:
    tx.execute(
        """INSERT INTO sieve_script VALUES (?, ?, ?, ?, 0)
        ON CONFLICT (user, name) DO UPDATE SET text = excluded.text, tree = excluded.tree""",
        (owner, script.name, script.text, script.tree),
    )


def owner_of(user: Username | None) -> str:
    return ALL_USERS if user is None else user.value


def _is_active(tx: Transaction, user: Username, name: ScriptName) -> bool:
    row = tx.execute("SELECT is_active FROM sieve_script WHERE user = ? AND name = ?", (user.value, name)).fetchone()
    if row is None:
        raise NotFound(f"{user} has no script {name!r}")
    return bool(row[0])


def _activate(tx: Transaction, user: Username, name: ScriptName | None) -> None:
    if name is not None:
        _is_active(tx, user, name)
    tx.execute("UPDATE sieve_script SET is_active = 0 WHERE user = ? AND is_active", (user.value,))
    tx.execute("UPDATE sieve_script SET is_active = 1 WHERE user = ? AND name = ?", (user.value, name))
