"""Open connections of all workers.

Each worker has rows of its own, and writes what it has, not what changes: after a failure the next write makes all of them right.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable

from compostela.adapters.shared_counters.engine import CountersFile, Execute
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure

_log = logging.getLogger(__name__)

_ALL = ""
"""In place of an address: the connections from all."""
_OTHERS = "SELECT coalesce(sum(count), 0) FROM connection WHERE server = ? AND address = ? AND worker != ?"

Key = tuple[str, str]


class SharedConnections:
    """See `compostela.core.rate_limits.ports`. While the file cannot be used, only the connections of this worker count. What no
    limit applies to is not written."""

    def __init__(self, file: CountersFile, clock: Clock, worker: int) -> None:
        self._file = file
        self._worker = worker
        self._own: Counter[Key] = Counter()
        self._is_stale = True
        """Whether rows of a worker before that had this number may be there, or a write failed: the next one writes all rows."""
        self._complaints = Complaints(_log, clock)

    def enter(self, server: str, address: str | None, *, most: int, most_of_address: int) -> bool:
        limits = {(server, _ALL): most} if most else {}
        if address is not None and most_of_address:
            limits[server, address] = most_of_address
        if not limits:
            return True
        if any(self._own[key] >= limit for key, limit in limits.items()):
            return False
        self._own.update(limits.keys())

        def job(execute: Execute) -> bool:
            for key, limit in limits.items():
                if execute(_OTHERS, (*key, self._worker)).get + self._own[key] > limit:
                    return False
            self._write(execute, limits)
            return True

        has_room = self._change(job)
        if has_room is False:
            self._count_out(limits)
            return False
        return True

    def leave(self, server: str, address: str | None) -> None:
        keys = [key for key in ((server, _ALL), (server, address or _ALL)) if key in self._own]
        if not keys:
            return
        keys = list(dict.fromkeys(keys))
        self._count_out(keys)

        def job(execute: Execute) -> bool:
            self._write(execute, keys)
            return True

        self._change(job)

    def forget(self, ended: Collection[int]) -> None:
        """Removes what these workers have counted."""
        marks = ", ".join("?" * len(ended))

        def job(execute: Execute) -> None:
            execute(f"DELETE FROM connection WHERE worker IN ({marks})", tuple(ended))

        try:
            self._file.change(job)
        except TemporaryFailure as error:
            self._complaints.error("connections of ended workers go on to count", error)

    def _change(self, job: Callable[[Execute], bool]) -> bool | None:
        """None if the file cannot be used."""
        try:
            done = self._file.change(job)
        except TemporaryFailure as error:
            self._is_stale = True
            self._complaints.error("connections are counted in this worker alone", error)
            return None
        if done:
            self._is_stale = False
        return done

    def _count_out(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._own[key] -= 1
            if self._own[key] <= 0:
                del self._own[key]

    def _write(self, execute: Execute, keys: Iterable[Key]) -> None:
        if self._is_stale:
            execute("DELETE FROM connection WHERE worker = ?", (self._worker,))
            keys = list(self._own)
        for key in keys:
            if self._own[key]:
                execute("INSERT OR REPLACE INTO connection VALUES (?, ?, ?, ?)", (*key, self._worker, self._own[key]))
            else:
                execute("DELETE FROM connection WHERE server = ? AND address = ? AND worker = ?", (*key, self._worker))
