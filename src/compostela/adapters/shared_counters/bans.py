"""Bans that all workers share."""

import logging
from typing import Any

from compostela.adapters.shared_counters.engine import CountersFile, Execute
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.core.authentication.bans_elsewhere import BansElsewhere
from compostela.core.authentication.failure_ports import Ban, Bans

_log = logging.getLogger(__name__)

MAX_BANS = 20_000
"""Kept at once; the first ones are forgotten first."""
_COLUMNS = "address, failures, until"


class SharedBans(BansElsewhere):
    """See `compostela.core.authentication.failure_ports`."""

    def __init__(self, file: CountersFile, clock: Clock, meanwhile: Bans, most: int = MAX_BANS) -> None:
        super().__init__(meanwhile, Complaints(_log, clock), "bans are kept in this worker alone")
        self._file = file
        self._clock = clock
        self._most = most

    async def _add(self, ban: Ban) -> None:
        def job(execute: Execute) -> None:
            execute(f"INSERT OR REPLACE INTO ban ({_COLUMNS}) VALUES (?, ?, ?)", (ban.address, ban.failures, ban.until))
            execute("DELETE FROM ban WHERE until <= ?", (self._clock.now(),))
            execute(
                "DELETE FROM ban WHERE number <= (SELECT number FROM ban ORDER BY number DESC LIMIT 1 OFFSET ?)",
                (self._most,),
            )

        self._file.change(job)

    async def _find(self, address: str) -> Ban | None:
        found = self._read("address = ?", address)
        return found[0] if found else None

    async def _all(self) -> list[Ban]:
        return self._read()

    async def _remove(self, address: str) -> bool:
        return self._delete("address = ?", address)

    async def _remove_all(self) -> bool:
        return self._delete()

    def _read(self, condition: str = "1", *values: str) -> list[Ban]:
        """Those in force, the oldest first."""
        statement = f"SELECT {_COLUMNS} FROM ban WHERE {condition} AND until > ? ORDER BY number"
        return [Ban(*row) for row in self._file.read(statement, (*values, self._clock.now()))]

    def _delete(self, condition: str = "1", *values: str) -> bool:
        """Whether one was in force."""

        def job(execute: Execute) -> bool:
            rows: list[tuple[Any, ...]] = execute(
                f"DELETE FROM ban WHERE {condition} RETURNING until", values
            ).fetchall()
            return any(until > self._clock.now() for (until,) in rows)

        return self._file.change(job)
