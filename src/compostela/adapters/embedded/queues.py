"""The embedded mail queues: all queues of a data folder, and the claims on entries of other processes."""

import asyncio
import contextlib
import logging
from collections.abc import Collection

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.effects import EndedEntries
from compostela.adapters.embedded.in_work import InWork, Remains
from compostela.adapters.embedded.isolation import Isolation
from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.queue import WAITING, EmbeddedQueue, QueueParts, waiting_of
from compostela.adapters.embedded.queue_rule import HELD
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.shared_marks import SharedMark
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.concurrency import wait_at_most

_log = logging.getLogger(__name__)

CLAIM_SECONDS = 2.0
"""How often a process looks for entries of others."""
WAITED_SECONDS = 2.0
"""An entry that a living process has not handed out for so long may be claimed by an idle one."""
CLAIM_BATCH = 1000
HELP_BATCH = 500
"""Entries that an idle process claims from a busy one at a time."""

# steps from one owner to the next along the index instead of reading every entry
_OWNERS = """WITH RECURSIVE own(name) AS (SELECT min(owner) FROM queue_entry
    UNION ALL SELECT (SELECT min(owner) FROM queue_entry WHERE owner > own.name) FROM own WHERE own.name IS NOT NULL)
    SELECT name FROM own WHERE name IS NOT NULL"""
_OFFERED = f"{WAITING} WHERE q.owner = ? AND q.queue = ?"
_ALL = f"{_OFFERED} ORDER BY q.due_at, q.id LIMIT ?"
_READY = f"{_OFFERED} AND q.due_at <= ?3 AND q.enqueued_at <= ?3 ORDER BY q.due_at, q.id LIMIT ?4"
_TAKE = "UPDATE queue_entry SET owner = ?1 WHERE id = ?2"
_RETURN = "UPDATE queue_entry SET owner = ?1 WHERE id = ?2 AND owner = ?3"
_DIED = """INSERT INTO queue_death VALUES (?1, 1, ?2)
    ON CONFLICT (id) DO UPDATE SET deaths = deaths + 1, deaths_alone = deaths_alone + ?2"""
_FORGET_ENDED = "DELETE FROM queue_death WHERE id NOT IN (SELECT id FROM queue_entry)"
"""A process may have died after the last effect of an entry had ended it, and before it forgot the entry's deaths."""

Row = tuple[int, str, int, float, float, int, int]


class EmbeddedQueues:
    """Queues come into being when they are asked for."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        blobs: EmbeddedBlobs,
        ownership: Ownership,
        signals: Signals,
        mark: SharedMark,
        clock: Clock,
        ended: EndedEntries,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._ownership = ownership
        self._signals = signals
        self._mark = mark
        self._clock = clock
        self._in_work = InWork(ownership)
        self._isolation = Isolation(self._in_work)
        self._parts = QueueParts(
            ownership.owner,
            writer,
            reader,
            blobs,
            signals,
            clock,
            mark,
            self._in_work,
            self._isolation,
            self._claim_soon,
            ended,
        )
        self._queues: dict[str, EmbeddedQueue] = {}
        self._wanted: set[str] = set()
        self._is_wanted = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks for entries of others whenever a queue is consumed here, and every few seconds."""
        self._signals.refresh()
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        for queue in self._queues.values():
            queue.close()
        self._in_work.close()

    def queue(self, name: str) -> EmbeddedQueue:
        queue = self._queues.get(name)
        if queue is None:
            queue = self._queues[name] = EmbeddedQueue(name, self._parts)
        return queue

    async def names(self) -> list[str]:
        rows = self._reader.execute("SELECT name FROM queue").fetchall()
        return sorted({row[0] for row in rows} | set(self._queues))

    def _claim_soon(self, name: str) -> None:
        self._wanted.add(name)
        self._is_wanted.set()

    async def claim(self) -> int:
        """Claims what is offered to the queues that are consumed here; tells how many entries."""
        return await self._claim({name for name, queue in self._queues.items() if queue.is_consumed})

    async def _claim(self, names: Collection[str]) -> int:
        owners = [row[0] for row in self._reader.execute(_OWNERS).fetchall() if row[0] != HELD]
        # first those without an owner, among them what a dead process had in work
        offering = ["", *(owner for owner in owners if owner and self._ownership.is_dead(owner))]
        # after that look: what a process had in work that was dead then is counted before its entries are claimed
        for remains in self._in_work.of_the_dead():
            await self._count_deaths(remains)
        others = [owner for owner in owners if owner not in offering and owner != self._ownership.owner]
        claimed = 0
        for name in names:
            queue = self.queue(name)
            queue.settle_disputes()
            for owner in offering:
                while count := await self._claim_from(queue, owner, CLAIM_BATCH):
                    claimed += count
            for owner in others:
                if queue.idle_consumers:
                    claimed += await self._claim_from(queue, owner, HELP_BATCH, waited=True)
        if claimed:
            _log.info("claimed %d queued mails of other processes", claimed)
        return claimed

    async def _count_deaths(self, remains: Remains) -> None:
        def job(tx: Transaction) -> None:
            for row_id, was_alone in remains.was_alone.items():
                # only once: the row changes its owner with the count
                tx.execute(_RETURN, ("", row_id, remains.owner))
                if tx.connection.changes():
                    tx.execute(_DIED, (row_id, was_alone))
            tx.execute(_FORGET_ENDED)

        if remains.was_alone:
            _log.warning("a process died with mails in work", extra={"mails": len(remains.was_alone)})
            await self._writer.run(job, frees_space=True)
        self._in_work.forget(remains)

    async def _claim_from(self, queue: EmbeddedQueue, owner: str, limit: int, *, waited: bool = False) -> int:
        """Claims entries of one owner; tells how many of them wait here now."""
        if not self._offered(self._reader.execute, queue, owner, 1, waited=waited):
            return 0
        waiting_here = 0
        in_work_elsewhere: dict[int, str] = {}

        def claimed(rows: list[Row]) -> None:
            nonlocal waiting_here
            self._mark.change()
            workers = {row_id: worker for worker, busy in self._in_work.of_living_others().items() for row_id in busy}
            for row in rows:
                worker = workers.get(row[0])
                if worker is None:
                    queue.hand_over(waiting_of(*row))
                    waiting_here += 1
                else:
                    in_work_elsewhere[row[0]] = worker

        def job(tx: Transaction) -> None:
            rows = self._offered(tx.execute, queue, owner, limit, waited=waited)
            self._mark.change()
            for row in rows:
                tx.execute(_TAKE, (self._ownership.owner, row[0]))
            # with the commit: entries that have our name and wait nowhere would be stranded
            tx.after_commit.append(lambda: claimed(rows))

        await self._writer.run(job, frees_space=True, is_long=True)
        if in_work_elsewhere:
            await self._return(in_work_elsewhere)
        return waiting_here

    def _offered(self, execute: Execute, queue: EmbeddedQueue, owner: str, limit: int, *, waited: bool) -> list[Row]:
        """Rows of an owner that are in work nowhere. `waited`: of a living one, those that have been ready for a while."""
        busy = self._in_work.of_living_others()
        if waited and owner not in busy:
            return []  # without a file nothing tells what it has in work
        in_work = set().union(*busy.values())
        if waited:
            until = self._clock.now() - WAITED_SECONDS
            rows = execute(_READY, (owner, queue.name, until, limit + len(in_work)))
        else:
            rows = execute(_ALL, (owner, queue.name, limit + len(in_work)))
        offered = [row for row in rows.fetchall() if row[0] not in in_work and not queue.has_in_work(row[0])]
        return offered[:limit]

    async def _return(self, rows: dict[int, str]) -> None:
        """Gives back rows that went into work before their owner saw the claim."""

        def job(tx: Transaction) -> None:
            for row_id, worker in rows.items():
                tx.execute(_RETURN, (worker, row_id, self._ownership.owner))

        await self._writer.run(job, frees_space=True)

    async def _watch(self) -> None:
        while True:
            await wait_at_most(self._is_wanted, CLAIM_SECONDS)
            self._is_wanted.clear()
            wanted, self._wanted = self._wanted, set()
            try:
                if wanted:
                    await self._claim(wanted)
                else:
                    self._signals.refresh()
                    await self.claim()
            except Exception:
                _log.exception("could not look for queued mails of other processes")
