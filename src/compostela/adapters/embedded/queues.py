"""The embedded mail queues: all queues of a data folder and the take-over of dead processes' entries."""

import asyncio
import contextlib
import logging

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.ownership import Ownership
from compostela.adapters.embedded.queue import EmbeddedQueue
from compostela.adapters.embedded.queue_memory import Waiting
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.signals import Signals
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.model.numbers import EntryId

_log = logging.getLogger(__name__)

TAKE_OVER_SECONDS = 5.0
TAKE_OVER_BATCH = 1000

# steps from one owner to the next along the index instead of reading every entry
_OWNERS = """WITH RECURSIVE own(name) AS (SELECT min(owner) FROM queue_entry
    UNION ALL SELECT (SELECT min(owner) FROM queue_entry WHERE owner > own.name) FROM own WHERE own.name IS NOT NULL)
    SELECT name FROM own WHERE name IS NOT NULL"""
_TAKE = """UPDATE queue_entry SET owner = ? WHERE id IN (SELECT id FROM queue_entry WHERE owner = ? ORDER BY id LIMIT ?)
    RETURNING queue, id, entry, priority, enqueued_at, due_at"""


class EmbeddedQueues:
    """Queues come into being when they are asked for."""

    def __init__(
        self,
        writer: Writer,
        reader: Reader,
        blobs: EmbeddedBlobs,
        ownership: Ownership,
        signals: Signals,
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._ownership = ownership
        self._signals = signals
        self._clock = clock
        self._queues: dict[str, EmbeddedQueue] = {}
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Takes over what dead processes left, now and every few seconds."""
        await self.take_over()
        self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
        for queue in self._queues.values():
            queue.close()

    def queue(self, name: str) -> EmbeddedQueue:
        queue = self._queues.get(name)
        if queue is None:
            owner = self._ownership.owner
            queue = EmbeddedQueue(name, owner, self._writer, self._reader, self._blobs, self._signals, self._clock)
            self._queues[name] = queue
        return queue

    async def names(self) -> list[str]:
        rows = self._reader.execute("SELECT name FROM queue").fetchall()
        return sorted({row[0] for row in rows} | set(self._queues))

    async def take_over(self) -> int:
        """Makes the entries of dead owners ours; tells how many."""
        self._signals.refresh()
        owners = [row[0] for row in self._reader.execute(_OWNERS).fetchall()]
        taken = 0
        for owner in owners:
            if self._ownership.is_dead(owner):
                while count := await self._take_from(owner):
                    taken += count
        if taken:
            _log.info("took over %d queued mails of processes that have ended", taken)
        return taken

    async def _take_from(self, owner: str) -> int:
        def job(tx: Transaction) -> int:
            rows = tx.execute(_TAKE, (self._ownership.owner, owner, TAKE_OVER_BATCH)).fetchall()
            # with the commit: entries that are ours and wait nowhere would be stranded
            tx.after_commit.append(lambda: self._hand_over(rows))
            return len(rows)

        return await self._writer.run(job, frees_space=True, is_long=True)

    def _hand_over(self, rows: list[tuple[str, int, str, int, float, float]]) -> None:
        for name, row_id, entry, priority, enqueued_at, due_at in sorted(rows, key=lambda row: row[1]):
            self.queue(name).hand_over(Waiting(row_id, EntryId(entry), priority, enqueued_at, due_at, None, 0))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(TAKE_OVER_SECONDS)
            try:
                await self.take_over()
            except Exception:
                _log.exception("could not look for queued mails of ended processes")
