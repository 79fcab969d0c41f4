"""Projectors: they write the state into pages, keep the rows of the log for listeners, and note places of messages.

Two projectors of one mailbox do no harm: timestamps are versions, and equal versions have equal octets.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from compostela.adapters.cassandra.mailbox_publisher import Publishers
from compostela.adapters.cassandra.mailbox_states import MailboxTables, OpenLog
from compostela.base.clock import Clock
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.log_and_pages.entries import decode_images, decode_row
from compostela.core.mailbox.log_and_pages.planning import Plan
from compostela.core.mailbox.log_and_pages.projection import (
    KEPT_BUCKET_BITS,
    needed,
    places,
    plan_projection,
)
from compostela.core.mailbox.log_and_pages.rebuild import ended
from compostela.core.mailbox.log_and_pages.state import MailboxState, Restart
from compostela.model.numbers import MailboxId, ModSeq

_log = logging.getLogger(__name__)

BUCKETS_OF_A_CUT = 16

HeldFrom = Callable[[MailboxId], Awaitable[ModSeq | None]]
"""The ModSeq that the slowest listener group has reached in a mailbox, None if all have reached the end."""


@dataclass(frozen=True, slots=True)
class ProjectionSettings:
    every: int = 128
    """Publishes after which the pages are written again."""
    tell_after_seconds: float = 0.5
    """How long a projection waits for a publish that tells of it, before it gets one of its own."""
    trim_every: int = 128
    """ModSeqs that are trimmed from the log at once."""
    kept_changes: int = 50_000
    """The latest ModSeqs that a mailbox keeps for listeners and readers, however old they are."""
    kept_seconds: float = 30 * 86400
    """Younger changes are kept, however many they are."""


class Projector:
    def __init__(
        self,
        tables: MailboxTables,
        settings: ProjectionSettings,
        clock: Clock,
        held_from: HeldFrom | None = None,
    ) -> None:
        self._tables = tables
        self._settings = settings
        self._clock = clock
        self._held_from = held_from
        self._running: dict[str, asyncio.Task[None]] = {}
        self._is_stopping = False

    def consider(self, publishers: Publishers, log: OpenLog, state: MailboxState) -> None:
        """Begin to project when the tail is long."""
        if log.mailbox in self._running:
            return
        if not self._is_due(publishers, log, state):
            return
        task = asyncio.create_task(self._run(publishers, log))
        self._running[log.mailbox] = task
        task.add_done_callback(lambda _: self._running.pop(log.mailbox, None))

    def _is_due(self, publishers: Publishers, log: OpenLog, state: MailboxState) -> bool:
        projection = publishers.projection_of(log.mailbox)
        done = state.head.projected if projection is None else projection.until
        return not self._is_stopping and sum(row.modseq > done for row in state.tail) >= self._settings.every

    async def close(self) -> None:
        """What was begun is cut off: any projector begins again where the head says."""
        self._is_stopping = True
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run(self, publishers: Publishers, log: OpenLog) -> None:
        try:
            while True:
                await self.project(publishers, log)
                await self._tell(publishers, log)
                if log.state is None or not self._is_due(publishers, log, log.state):
                    return
        except (NotFound, Restart):
            # the mailbox is gone, or another projector was faster
            return
        except TemporaryFailure as error:
            # readers go on with the longer tail; the next publish begins again
            _log.warning("a mailbox could not be projected: mailbox=%s error=%s", log.mailbox, error)
        except Exception:
            _log.exception("a mailbox could not be projected: mailbox=%s", log.mailbox)

    async def project_now(self, publishers: Publishers, log: OpenLog) -> None:
        """Project and tell of it, unless that is going on. Raises as `project` does."""
        if log.mailbox not in self._running:
            await log.fresh()
            await self.project(publishers, log)
            await self._tell(publishers, log)

    async def project(self, publishers: Publishers, log: OpenLog) -> int:
        """Write what the tail changed. Return the ModSeq that the pages show then. Raises `NotFound`, `TemporaryFailure`, and `Restart` when another projector was faster."""
        state = await log.load(needed)
        while state.head.rebuilding:
            await self._end_rebuild(publishers, log)
            state = await log.load(needed)
        # one moment: entries and pages are taken without an await between them
        projection = plan_projection(state)
        if projection.until == projection.since:
            return projection.until
        rows = await log.tail_with_images(projection.since, projection.until)
        await self._tables.kept.write(log.mailbox, rows, int(self._clock.now()))
        for _, entry, image in rows:
            entries = decode_row(entry)
            for one, before in zip(entries, decode_images(image, len(entries)), strict=True):
                await self._tables.messages.place(log.mailbox, places(one, before))
        await self._tables.pages.write(log.mailbox, projection.pages)
        publishers.note_projection(log.mailbox, projection)
        return projection.until

    @staticmethod
    async def _end_rebuild(publishers: Publishers, log: OpenLog) -> None:
        """The node that rebuilds pages may be dead; if it lives it begins again."""

        def plan(state: MailboxState, _token: bytes) -> tuple[None, Plan | None]:
            return None, Plan(ended(state.head)) if state.head.rebuilding else None

        await publishers.change(log.mailbox, lambda _: {}, plan)
        await log.fresh()

    async def _tell(self, publishers: Publishers, log: OpenLog) -> None:
        await asyncio.sleep(self._settings.tell_after_seconds)

        def plan(state: MailboxState, _token: bytes) -> tuple[None, Plan | None]:
            is_untold = publishers.projection_of(log.mailbox) is not None
            return None, Plan(state.head) if is_untold else None

        if publishers.projection_of(log.mailbox) is not None:
            await publishers.change(log.mailbox, lambda _: {}, plan)
        await self._cut(publishers, log)

    async def _cut(self, publishers: Publishers, log: OpenLog) -> None:
        """Remove the oldest partitions of the kept log, first from what readers may ask for."""
        state = log.state
        if state is None:
            return
        kept_from = state.head.kept_from
        last = state.head.modseq - self._settings.kept_changes
        held = None if self._held_from is None else await self._held_from(MailboxId(log.mailbox))
        if held is not None:
            last = min(last, held)
        until = kept_from
        for _ in range(BUCKETS_OF_A_CUT):
            bucket = (until + 1) >> KEPT_BUCKET_BITS
            end = ((bucket + 1) << KEPT_BUCKET_BITS) - 1
            if end > last:
                break
            at = await self._tables.kept.newest_at(log.mailbox, bucket)
            if at is not None and at > self._clock.now() - self._settings.kept_seconds:
                break
            until = end
        if until == kept_from:
            return

        def plan(state: MailboxState, _token: bytes) -> tuple[None, Plan | None]:
            if state.head.kept_from >= until:
                return None, None
            return None, Plan(msgspec.structs.replace(state.head, kept_from=until))

        await publishers.change(log.mailbox, lambda _: {}, plan)
        await self._tables.kept.purge(log.mailbox, kept_from, until)
