"""Vacations: settings and answered senders of a user in one partition."""

from compostela.adapters.cassandra.conditional import MAX_TTL, Conflict, planned, ttl_seconds
from compostela.adapters.cassandra.session import CassandraSession, Row, Statement
from compostela.base.concurrency import side_by_side
from compostela.core.vacation.model import NO_VACATION, Vacation
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.model.username import Username

MAX_ANSWERED = 20_000
"""Senders of a user that are remembered. While there are as many, no other sender is answered."""
_SETTINGS = ("is_enabled", "from_at", "to_at", "subject", "text_body", "html_body")
_GET = f"SELECT DISTINCT user, revision, {', '.join(_SETTINGS)} FROM vacation WHERE user = ?"
_SET = (
    f"UPDATE vacation SET revision = ?, {', '.join(f'{name} = ?' for name in _SETTINGS)} WHERE user = ? IF revision = ?"
)
_FORGET = "DELETE FROM vacation WHERE user = ? AND sender >= ''"
_ANSWERED = "SELECT sender, entry, until, TTL(until) FROM vacation WHERE user = ?"
_MOVED_AT_ONCE = 16
_FIND = "SELECT entry, until FROM vacation WHERE user = ? AND sender = ?"
_COUNT = "SELECT sender FROM vacation WHERE user = ? LIMIT ?"
_CLAIM = "INSERT INTO vacation (user, sender, entry, until) VALUES (?, ?, ?, ?) IF NOT EXISTS USING TTL ?"
_TAKE_OVER = """UPDATE vacation USING TTL ? SET entry = ?, until = ?
    WHERE user = ? AND sender = ? IF entry = ? AND until = ?"""


class CassandraVacations:
    """See `compostela.core.vacation.ports`."""

    def __init__(self, session: CassandraSession, most: int = MAX_ANSWERED) -> None:
        self._session = session
        self._most = most

    async def get(self, user: Username) -> Vacation:
        row = await self._session.first(_GET, user.value)
        return NO_VACATION if row is None or row[2] is None else Vacation(*row[2:])

    async def set(self, user: Username, vacation: Vacation) -> None:
        await self._replace(user, tuple(getattr(vacation, name) for name in _SETTINGS))

    async def clear(self, user: Username) -> None:
        await self._replace(user, (None,) * len(_SETTINGS))

    async def move(self, user: Username, new: Username) -> None:
        """What `new` gets is written first, so a move that is cut off leaves nothing out; repeated, it ends what it began."""
        if (row := await self._session.first(_GET, user.value)) is not None and row[2] is not None:
            await self._give(row[2:], new)
        answered = [row for row in await self._session.rows(_ANSWERED, user.value) if row[0] is not None]

        async def give(row: Row) -> None:
            sender, entry, until, ttl = row
            await self._session.write_if(_CLAIM, new.value, sender, entry, until, ttl or MAX_TTL)

        await side_by_side(answered, give, _MOVED_AT_ONCE)
        if row is not None or answered:
            await self.clear(user)

    async def _give(self, settings: Row, user: Username) -> None:
        """Unless the user has settings."""

        async def change() -> None:
            row = await self._session.first(_GET, user.value)
            if row is not None and row[2] is not None:
                return
            revision = None if row is None else row[1]
            given = await self._session.write_if(_SET, (revision or 0) + 1, *settings, user.value, revision)
            if not given.applied:
                raise Conflict

        await planned(change)

    async def _replace(self, user: Username, settings: tuple[object, ...]) -> None:
        async def change() -> None:
            row = await self._session.first(_GET, user.value)
            revision = None if row is None else row[1]
            state = Statement(_SET, ((revision or 0) + 1, *settings, user.value, revision))
            if not (await self._session.batch_if((state, Statement(_FORGET, (user.value,))))).applied:
                raise Conflict

        await planned(change)

    async def claim(self, user: Username, sender: MailAddress, entry: EntryId, now: float, until: float) -> bool:
        key = (user.value, str(sender).lower())
        ttl = ttl_seconds(now, until)

        async def change() -> bool:
            held = await self._session.first(_FIND, *key)
            if held is not None and held[1] >= now:
                return bool(held[0] == entry)
            if held is not None:
                taken = await self._session.write_if(_TAKE_OVER, ttl, entry, until, *key, *held)
            elif await self._is_full(user):
                return False
            else:
                taken = await self._session.write_if(_CLAIM, *key, entry, until, ttl)
            if not taken.applied:
                raise Conflict
            return True

        return await planned(change)

    async def _is_full(self, user: Username) -> bool:
        return len(await self._session.rows(_COUNT, user.value, self._most)) >= self._most
