"""Recent logins that all workers share."""

import logging

from compostela.adapters.shared_counters.engine import CountersFile, Execute
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import RecentLogins

_log = logging.getLogger(__name__)

MAX_KNOWN = 50_000
"""Addresses at once; the one whose login is longest ago is forgotten first."""
PRECISION_SECONDS = 1.0
"""A login so soon after another from the same address is not written."""
_KNOWN = "recent logins are known to this worker alone"


class SharedRecentLogins:
    """See `compostela.core.authentication.failure_ports`. While the file cannot be used, `meanwhile` keeps those of this worker."""

    def __init__(
        self, file: CountersFile, clock: Clock, meanwhile: RecentLogins, most: int = MAX_KNOWN, table: str = "login"
    ) -> None:
        self._file = file
        self._clock = clock
        self._meanwhile = meanwhile
        self._most = most
        self._note = f"INSERT OR REPLACE INTO {table} VALUES (?, ?)"
        self._find = f"SELECT at FROM {table} WHERE address = ?"
        self._trim = (
            f"DELETE FROM {table} WHERE address IN (SELECT address FROM {table} ORDER BY at DESC LIMIT -1 OFFSET ?)"
        )
        self._complaints = Complaints(_log, clock)

    async def note(self, address: str) -> None:
        def job(execute: Execute) -> None:
            execute(self._note, (address, self._clock.now()))
            if self._file.is_time_to_trim():
                execute(self._trim, (self._most,))

        try:
            rows = self._file.read(self._find, (address,))
            if not rows or not 0 <= self._clock.now() - rows[0][0] < PRECISION_SECONDS:
                self._file.change(job)
        except TemporaryFailure as error:
            self._complaints.error(_KNOWN, error)
            await self._meanwhile.note(address)

    async def within(self, address: str, seconds: float) -> bool:
        if await self._meanwhile.within(address, seconds):
            return True
        try:
            rows = self._file.read(self._find, (address,))
        except TemporaryFailure as error:
            self._complaints.error(_KNOWN, error)
            return False
        return bool(rows) and self._clock.now() - rows[0][0] <= seconds
