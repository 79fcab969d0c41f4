"""Bans that all workers share."""

import logging
from typing import Any

from compostela.adapters.shared_counters.engine import CountersFile, Execute
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import Ban, Bans

_log = logging.getLogger(__name__)

MAX_BANS = 20_000
"""Kept at once; the first ones are forgotten first."""
_COLUMNS = "address, failures, until"


class SharedBans:
    """See `compostela.core.authentication.failure_ports`. While the file cannot be used, `meanwhile` keeps the bans of this worker; they stay
    in force in it when the file can be used again."""

    def __init__(self, file: CountersFile, clock: Clock, meanwhile: Bans, most: int = MAX_BANS) -> None:
        self._file = file
        self._clock = clock
        self._meanwhile = meanwhile
        self._most = most
        self._complaints = Complaints(_log, clock)

    async def add(self, ban: Ban) -> None:
        def job(execute: Execute) -> None:
            execute(f"INSERT OR REPLACE INTO ban ({_COLUMNS}) VALUES (?, ?, ?)", (ban.address, ban.failures, ban.until))
            execute("DELETE FROM ban WHERE until <= ?", (self._clock.now(),))
            execute(
                "DELETE FROM ban WHERE number <= (SELECT number FROM ban ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (self._most,),
            )

        try:
            self._file.change(job)
        except TemporaryFailure as error:
            self._complain(error)
            await self._meanwhile.add(ban)

    async def find(self, address: str) -> Ban | None:
        meanwhile = await self._meanwhile.find(address)
        if meanwhile is not None:
            return meanwhile
        found = self._read("address = ?", address)
        return found[0] if found else None

    async def all(self) -> list[Ban]:
        meanwhile = await self._meanwhile.all()
        only_here = {ban.address for ban in meanwhile}
        return [ban for ban in self._read() if ban.address not in only_here] + meanwhile

    async def remove(self, address: str) -> bool:
        return self._remove("address = ?", address) | await self._meanwhile.remove(address)

    async def remove_all(self) -> bool:
        return self._remove() | await self._meanwhile.remove_all()

    def _read(self, condition: str = "1", *values: str) -> list[Ban]:
        """Those in force, the oldest first."""
        statement = f"SELECT {_COLUMNS} FROM ban WHERE {condition} AND until > ? ORDER BY number"
        try:
            return [Ban(*row) for row in self._file.read(statement, (*values, self._clock.now()))]
        except TemporaryFailure as error:
            self._complain(error)
            return []

    def _remove(self, condition: str = "1", *values: str) -> bool:
        """Whether one was in force."""

        def job(execute: Execute) -> bool:
            rows: list[tuple[Any, ...]] = execute(
                f"DELETE FROM ban WHERE {condition} RETURNING until", values
            ).fetchall()
            return any(until > self._clock.now() for (until,) in rows)

        try:
            return self._file.change(job)
        except TemporaryFailure as error:
            self._complain(error)
            return False

    def _complain(self, error: TemporaryFailure) -> None:
        self._complaints.error("bans are kept in this worker alone", error)
