"""External lists of Sieve in SQLite."""

import json
from collections.abc import Sequence

from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.sieve_scripts import ALL_USERS, owner_of
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import NotFound
from compostela.core.sieve.lists import MAX_LISTS, TooManyLists
from compostela.model.username import Username

_OF_LIST = "FROM sieve_list WHERE user = ? AND name = ?"


class EmbeddedSieveLists:
    """See `compostela.core.sieve.ports`."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader

    async def names(self, user: Username | None) -> list[str]:
        rows = self._reader.execute(
            "SELECT name FROM sieve_list WHERE user = ? AND member = '' ORDER BY name", (owner_of(user),)
        )
        return [name for (name,) in rows.fetchall()]

    async def members(self, user: Username | None, name: str) -> list[str] | None:
        rows = self._reader.execute(f"SELECT member {_OF_LIST} ORDER BY member", (owner_of(user), name)).fetchall()
        return [member for (member,) in rows if member] if rows else None

    async def seen_by(self, user: Username, name: str) -> Username | None:
        row = self._reader.execute(
            "SELECT user FROM sieve_list WHERE user IN (?, ?) AND name = ? AND member = '' ORDER BY user DESC LIMIT 1",
            (user.value, ALL_USERS, name),
        ).fetchone()
        if row is None:
            raise NotFound(f"{user} has no list {name!r}, and there is none for all users")
        return user if row[0] else None

    async def contains(self, user: Username | None, name: str, member: str) -> bool:
        values = (owner_of(user), name, member)
        return (
            bool(member) and self._reader.execute(f"SELECT 1 {_OF_LIST} AND member = ?", values).fetchone() is not None
        )

    async def put(self, user: Username | None, name: str, members: Sequence[str]) -> None:
        owner = owner_of(user)

        def job(tx: Transaction) -> None:
            others = "SELECT count(*) FROM sieve_list WHERE user = ? AND member = '' AND name <> ?"
            if tx.execute(others, (owner, name)).fetchone()[0] >= MAX_LISTS:
                raise TooManyLists(f"there may be at most {MAX_LISTS} lists")
            tx.execute(f"DELETE {_OF_LIST}", (owner, name))
            tx.execute(
                "INSERT INTO sieve_list SELECT ?, ?, value FROM json_each(?)", (owner, name, json.dumps(["", *members]))
            )

        await self._writer.run(job, is_long=True)

    async def delete(self, user: Username | None, name: str) -> None:
        def job(tx: Transaction) -> None:
            if tx.execute(f"DELETE {_OF_LIST} RETURNING 1", (owner_of(user), name)).fetchall() == []:
                raise NotFound(f"there is no list {name!r}")

        await self._writer.run(job)
