"""Sieve scripts and the marks of their runs in SQLite."""

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import AlreadyExists, NotFound
from compostela.core.sieve.model import (
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

EXPIRED_BATCH = 20
"""Marks past their time that each new one removes, so that their number stays near that of the marks in force."""
_ALL_USERS = ""
"""Holds the default quota: no user has this name."""
_IS_MARKED = "SELECT 1 FROM sieve_mark WHERE user = ? AND key = ? AND by <> ? AND until > ?"
_EXPIRE = "DELETE FROM sieve_mark WHERE (user, key) IN (SELECT user, key FROM sieve_mark WHERE until <= ? LIMIT ?)"


class EmbeddedSieveScripts:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, writer: Writer, reader: Reader, most: int = MAX_SCRIPTS) -> None:
        self._writer = writer
        self._reader = reader
        self._most = most

    async def scripts(self, user: Username) -> list[ScriptEntry]:
        rows = self._reader.execute(
            "SELECT name, length(text), is_active FROM sieve_script WHERE user = ? ORDER BY name", (user.value,)
        )
        return [ScriptEntry(ScriptName(name), size, bool(is_active)) for name, size, is_active in rows.fetchall()]

    async def script(self, user: Username, name: ScriptName) -> StoredScript | None:
        return self._script("name = ?", user.value, name)

    async def active(self, user: Username) -> StoredScript | None:
        return self._script("is_active", user.value)

    def _script(self, which: str, *values: str) -> StoredScript | None:
        rows = self._reader.execute(f"SELECT name, text, tree FROM sieve_script WHERE user = ? AND {which}", values)
        row = rows.fetchone()
        return None if row is None else StoredScript(ScriptName(row[0]), row[1], row[2])

    async def put(self, user: Username, script: StoredScript, *, activate: bool = False) -> None:
        def job(tx: Transaction) -> None:
            self._check_space(tx.execute, user, script.name, len(script.text))
            tx.execute(
                """INSERT INTO sieve_script VALUES (?, ?, ?, ?, 0)
                ON CONFLICT (user, name) DO UPDATE SET text = excluded.text, tree = excluded.tree""",
                (user.value, script.name, script.text, script.tree),
            )
            if activate:
                _activate(tx, user, script.name)

        await self._writer.run(job)

    async def check_space(self, user: Username, name: ScriptName, size: int) -> None:
        with self._reader.snapshot() as execute:
            self._check_space(execute, user, name, size)

    def _check_space(self, execute: Execute, user: Username, name: ScriptName, size: int) -> None:
        others, used = execute(
            "SELECT count(*), coalesce(sum(length(text)), 0) FROM sieve_script WHERE user = ? AND name <> ?",
            (user.value, name),
        ).fetchone()
        if others >= self._most:
            raise TooManyScripts(f"a user may have at most {self._most} scripts")
        quota = execute(
            "SELECT size FROM sieve_quota WHERE user IN (?, ?) ORDER BY user DESC LIMIT 1", (user.value, _ALL_USERS)
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
        await self._writer.run(lambda tx: _activate(tx, user, name))

    async def quota(self, user: Username | None) -> int | None:
        row = self._reader.execute("SELECT size FROM sieve_quota WHERE user = ?", (_owner(user),)).fetchone()
        return None if row is None else int(row[0])

    async def set_quota(self, user: Username | None, size: int | None) -> None:
        if size is None:
            await self._writer.execute("DELETE FROM sieve_quota WHERE user = ?", (_owner(user),))
        else:
            await self._writer.execute("REPLACE INTO sieve_quota VALUES (?, ?)", (_owner(user), size))

    async def forget(self, user: Username) -> None:
        await self._writer.run(lambda tx: _forget(tx, user.value))

    async def move(self, user: Username, new: Username) -> None:
        await self._writer.run(lambda tx: _move(tx, user.value, new.value), is_long=True)


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


def _move(tx: Transaction, user: str, new: str) -> None:
    scripts = "SELECT name, text, is_active FROM sieve_script WHERE user = ?"
    held = {name: text for name, text, _ in tx.execute(scripts, (new,)).fetchall()}
    has_active = tx.execute("SELECT 1 FROM sieve_script WHERE user = ? AND is_active", (new,)).fetchone() is not None
    for name, text, is_active in tx.execute(scripts, (user,)).fetchall():
        moved = name
        if held.get(name) != text:
            moved = freed_name(name, held)
            held[moved] = text
            statement = "UPDATE sieve_script SET user = ?, name = ?, is_active = 0 WHERE user = ? AND name = ?"
            tx.execute(statement, (new, moved, user, name))
        if is_active and not has_active:
            tx.execute("UPDATE sieve_script SET is_active = 1 WHERE user = ? AND name = ?", (new, moved))
    for table in ("sieve_quota", "sieve_mark"):
        tx.execute(f"UPDATE OR IGNORE {table} SET user = ? WHERE user = ?", (new, user))
    _forget(tx, user)


def _forget(tx: Transaction, user: str) -> None:
    for table in ("sieve_script", "sieve_quota", "sieve_mark"):
        tx.execute(f"DELETE FROM {table} WHERE user = ?", (user,))


def _owner(user: Username | None) -> str:
    return _ALL_USERS if user is None else user.value


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
