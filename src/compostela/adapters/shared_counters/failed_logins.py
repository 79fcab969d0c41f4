"""Failed logins that all workers share."""

import logging

from compostela.adapters.shared_counters.engine import CountersFile, Execute, Job
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.core.authentication.failure_ports import FailedLogins

_log = logging.getLogger(__name__)

MAX_KEYS = 20_000
"""Kept at once; those that failed longest ago are forgotten first."""
_IS_KNOWN = "SELECT 1 FROM failure WHERE key = ?1 UNION ALL SELECT 1 FROM attempt WHERE key = ?1 LIMIT 1"
_OLDEST = "SELECT key FROM failure ORDER BY last DESC LIMIT -1 OFFSET ?"


class SharedFailedLogins:
    """See `compostela.core.authentication.failure_ports`. While the file cannot be used, `meanwhile` counts in the process."""

    def __init__(self, file: CountersFile, clock: Clock, meanwhile: FailedLogins, most_keys: int = MAX_KEYS) -> None:
        self._file = file
        self._clock = clock
        self._meanwhile = meanwhile
        self._most_keys = most_keys
        self._complaints = Complaints(_log, clock)

    async def count(self, key: str, attempt: bytes, *, window_seconds: float, most: int) -> int:
        now = self._clock.now()

        def job(execute: Execute) -> int:
            row = execute("SELECT since FROM failure WHERE key = ?", (key,)).fetchone()
            # a clock that was set back must not make a window that never ends
            if row is None or not 0 <= now - row[0] <= window_seconds:
                execute("DELETE FROM attempt WHERE key = ?", (key,))
                execute("INSERT OR REPLACE INTO failure VALUES (?, ?, ?)", (key, now, now))
                if self._file.is_time_to_trim():
                    self._trim(execute)
            else:
                execute("UPDATE failure SET last = ? WHERE key = ?", (now, key))
            counted = self._counted(execute, key)
            if counted <= most:
                execute("INSERT OR IGNORE INTO attempt VALUES (?, ?)", (key, attempt))
                counted = self._counted(execute, key)
            return counted

        try:
            return self._file.change(job)
        except TemporaryFailure as error:
            self._complaints.error("failed logins are counted in this worker alone", error)
            return await self._meanwhile.count(key, attempt, window_seconds=window_seconds, most=most)

    async def forget(self, key: str) -> None:
        await self._meanwhile.forget(key)

        def job(execute: Execute) -> None:
            for table in ("attempt", "failure"):
                execute(f"DELETE FROM {table} WHERE key = ?", (key,))

        # each login that succeeds comes here, and few have failed before: a look costs a tenth of a change
        if self._may_know(key):
            self._forget(job)

    async def forget_all(self) -> None:
        await self._meanwhile.forget_all()

        def job(execute: Execute) -> None:
            for table in ("attempt", "failure"):
                execute(f"DELETE FROM {table}")

        self._forget(job)

    def _may_know(self, key: str) -> bool:
        try:
            return bool(self._file.read(_IS_KNOWN, (key,)))
        except TemporaryFailure:
            return True

    def _forget(self, job: Job) -> None:
        try:
            self._file.change(job)
        except TemporaryFailure as error:
            self._complaints.error("failed logins cannot be forgotten", error)

    def _trim(self, execute: Execute) -> None:
        for table in ("attempt", "failure"):
            execute(f"DELETE FROM {table} WHERE key IN ({_OLDEST})", (self._most_keys,))

    @staticmethod
    def _counted(execute: Execute, key: str) -> int:
        counted: int = execute("SELECT count(*) FROM attempt WHERE key = ?", (key,)).get
        return counted
