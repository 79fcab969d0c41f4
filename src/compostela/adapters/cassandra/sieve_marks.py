"""Marks of Sieve runs: those of a user in one partition; each expires by itself."""

from compostela.adapters.cassandra.conditional import MAX_TTL, Conflict, planned, ttl_seconds
from compostela.adapters.cassandra.ranges import RangeTable, clear_range
from compostela.adapters.cassandra.session import CassandraSession, Row, Statement
from compostela.base.concurrency import side_by_side
from compostela.model.username import Username

_FIND = "SELECT run, until FROM sieve_mark WHERE user = ? AND key = ?"
_MARK = "INSERT INTO sieve_mark (user, key, run, until) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
_TAKE_OVER = """UPDATE sieve_mark USING TTL ? SET run = ?, until = ?
    WHERE user = ? AND key = ? IF run = ? AND until = ?"""
_ALL = "SELECT key, run, until, TTL(until) FROM sieve_mark WHERE user = ?"
_MOVED_AT_ONCE = 16
_TABLE = RangeTable("sieve_mark", ("user",))
_CLEAR = "DELETE FROM sieve_mark WHERE user = ? AND key >= ? AND key < ?"
_CLEAR_ALL = "DELETE FROM sieve_mark WHERE user = ? AND key >= ?"


class CassandraSieveMarks:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def is_marked(self, user: Username, key: bytes, by: str, now: float) -> bool:
        row = await self._session.first(_FIND, user.value, key)
        return row is not None and row[0] != by and row[1] > now

    async def mark(self, user: Username, key: bytes, by: str, now: float, until: float) -> bool:
        async def change() -> bool:
            ttl = ttl_seconds(now, until)
            outcome = await self._session.write_if(_MARK, user.value, key, by, until, ttl)
            if outcome.applied:
                return True
            found = outcome.rows[0]
            if found["run"] != by and found["until"] > now:
                return False
            before = (found["run"], found["until"])
            taken = await self._session.write_if(_TAKE_OVER, ttl, by, until, user.value, key, *before)
            if not taken.applied:
                raise Conflict
            return True

        return await planned(change)

    async def clear(self, user: Username, prefix: bytes) -> None:
        end = _after_all_with(prefix)
        cut = (
            Statement(_CLEAR_ALL, (user.value, prefix)) if end is None else Statement(_CLEAR, (user.value, prefix, end))
        )
        await clear_range(self._session, _TABLE, (user.value,), cut)


async def move_marks(session: CassandraSession, user: Username, new: Username) -> None:
    """Gives the marks of `user` to `new`, whose own stay. May be repeated."""

    async def give(row: Row) -> None:
        key, run, until, ttl = row
        await session.write_if(_MARK, new.value, key, run, until, ttl or MAX_TTL)

    async for page in session.pages(_ALL, user.value):
        await side_by_side([row for row in page if row[0] is not None], give, _MOVED_AT_ONCE)
    await forget_marks(session, user)


async def forget_marks(session: CassandraSession, user: Username) -> None:
    """Removes all marks of a user. May be repeated."""
    await clear_range(session, _TABLE, (user.value,), Statement(_CLEAR_ALL, (user.value, b"")))


def _after_all_with(prefix: bytes) -> bytes | None:
    """The first key after all that begin so; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
