"""Vacation settings in SQLite."""

from typing import Any

from compostela.adapters.embedded.lookups import Lookups
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.vacation.model import NO_VACATION, Vacation
from compostela.model.mail_address import MailAddress
from compostela.model.numbers import EntryId
from compostela.model.username import Username

MAX_ANSWERED = 20_000
"""Senders of a user that are remembered. While there are as many, no other sender is answered."""
_GET = "SELECT is_enabled, from_at, to_at, subject, text_body, html_body FROM vacation WHERE user = ?"
_COUNT = "SELECT count(*) FROM vacation_answer WHERE user = ?"


class EmbeddedVacations:
    """See `compostela.core.vacation.ports`."""

    def __init__(self, writer: Writer, reader: Reader, lookups: Lookups, most: int = MAX_ANSWERED) -> None:
        self._writer = writer
        self._reader = reader
        self._lookups = lookups
        self._most = most

    async def get(self, user: Username) -> Vacation:
        # each delivery asks, and most users have none
        if self._lookups.get(("no vacation", user.value), lambda: self._row(user) is None):
            return NO_VACATION
        row = self._row(user)
        return NO_VACATION if row is None else Vacation(bool(row[0]), *row[1:])

    def _row(self, user: Username) -> tuple[Any, ...] | None:
        row: tuple[Any, ...] | None = self._reader.execute(_GET, (user.value,)).fetchone()
        return row

    async def set(self, user: Username, vacation: Vacation) -> None:
        values = (
            user.value,
            vacation.is_enabled,
            vacation.from_at,
            vacation.to_at,
            vacation.subject,
            vacation.text_body,
            vacation.html_body,
        )

        def write(tx: Transaction) -> None:
            _forget(tx, user)
            tx.execute("INSERT INTO vacation VALUES (?, ?, ?, ?, ?, ?, ?)", values)

        await self._writer.run(self._lookups.changing(write))

    async def clear(self, user: Username) -> None:
        await self._writer.run(self._lookups.changing(lambda tx: _forget(tx, user)), frees_space=True)

    async def claim(self, user: Username, sender: MailAddress, entry: EntryId, now: float, until: float) -> bool:
        key = (user.value, str(sender).lower())

        def take(tx: Transaction) -> bool:
            tx.execute("DELETE FROM vacation_answer WHERE user = ? AND until < ?", (user.value, now))
            held = tx.execute("SELECT entry FROM vacation_answer WHERE user = ? AND sender = ?", key).fetchone()
            if held is not None:
                return bool(held[0] == entry)
            if tx.execute(_COUNT, (user.value,)).fetchone()[0] >= self._most:
                return False
            tx.execute("INSERT INTO vacation_answer VALUES (?, ?, ?, ?)", (*key, entry, until))
            return True

        return await self._writer.run(take)


def _forget(tx: Transaction, user: Username) -> None:
    tx.execute("DELETE FROM vacation WHERE user = ?", (user.value,))
    tx.execute("DELETE FROM vacation_answer WHERE user = ?", (user.value,))
