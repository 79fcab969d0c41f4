"""Runs over mails outside the queue: a row for each mark, which expires; the process that runs it is a cell that expires soon.

An id is `run-<mark>-<id>`. The clock of Cassandra alone decides when a process is taken for dead.
"""

import asyncio
import logging

from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.mail.ports import KEPT_DAYS
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

RUN = "run-"
LEASE_SECONDS = 30
"""After so long without a word a process is taken for dead, and another may go on with its run."""
RENEW_SECONDS = 10.0
POLL_SECONDS = 0.2
"""How often it is looked whether another process has ended the run."""
_TTL = KEPT_DAYS * 86_400
_BEGIN = "INSERT INTO unqueued_run (mark, entry) VALUES (?, ?) IF NOT EXISTS USING TTL ?"
_OWN = "UPDATE unqueued_run USING TTL ? SET owner = ? WHERE mark = ?"
_TAKE_UP = "UPDATE unqueued_run USING TTL ? SET owner = ? WHERE mark = ? IF entry = ? AND owner = ?"
_INTERRUPT = "DELETE owner FROM unqueued_run WHERE mark = ? IF entry = ?"
_FINISH = "DELETE FROM unqueued_run WHERE mark = ? IF entry = ?"
_FIND = "SELECT entry, owner FROM unqueued_run WHERE mark = ?"


class CassandraRuns:
    """See `compostela.core.mail.ports`."""

    def __init__(
        self, session: CassandraSession, lease_seconds: int = LEASE_SECONDS, renew_seconds: float = RENEW_SECONDS
    ) -> None:
        self._session = session
        self._lease_seconds = lease_seconds
        self._renew_seconds = renew_seconds
        self._owner = new_id()
        self._running: set[EntryId] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def entry(self, mark: bytes) -> EntryId:
        while True:
            entry = await self._begin(mark)
            if entry is not None:
                self._keep(entry)
                return entry
            await asyncio.sleep(POLL_SECONDS)

    async def _begin(self, mark: bytes) -> EntryId | None:
        """None while another process is at it, and if another came first."""
        entry = EntryId(f"{RUN}{mark.hex()}-{new_id()}")
        begin = Statement(_BEGIN, (mark, entry, _TTL))
        own = Statement(_OWN, (self._lease_seconds, self._owner, mark))
        outcome = await self._session.batch_if((begin, own))
        if outcome.applied:
            return entry
        found, owner = outcome.rows[0]["entry"], outcome.rows[0]["owner"]
        if found is None or owner not in (None, self._owner):
            return None
        values = (self._lease_seconds, self._owner, mark, found, owner)
        return EntryId(found) if (await self._session.write_if(_TAKE_UP, *values)).applied else None

    async def interrupt(self, entry: EntryId) -> None:
        self._running.discard(entry)
        await self._session.write_if(_INTERRUPT, _mark(entry), entry)

    async def finish(self, entry: EntryId) -> None:
        self._running.discard(entry)
        await self._session.write_if(_FINISH, _mark(entry), entry)

    async def is_over(self, entry: EntryId) -> bool:
        """Whether the run was finished, or forgotten after `KEPT_DAYS`."""
        row = await self._session.first(_FIND, _mark(entry))
        return row is None or row[0] != entry

    async def close(self) -> None:
        """Runs that go on are taken up by another process after their lease."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)

    def _keep(self, entry: EntryId) -> None:
        self._running.add(entry)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        while self._running:
            await asyncio.sleep(self._renew_seconds)
            for entry in list(self._running):
                values = (self._lease_seconds, self._owner, _mark(entry), entry, self._owner)
                try:
                    await self._session.write_if(_TAKE_UP, *values)
                except TemporaryFailure as error:
                    _log.warning("could not renew the lease of a run: entry=%s error=%s", entry, error)


def _mark(entry: EntryId) -> bytes:
    return bytes.fromhex(entry[len(RUN) :].partition("-")[0])
