"""What a store removes by itself: deleted mailboxes, messages that were kept for slow listeners, old logs, abandoned pipeline runs,
expired greylisting triplets. Bodies are collected by a task (see `collection`), and here only while the disk is almost full, so that
what users delete is freed soon, even if no process runs tasks.
"""

import asyncio
import logging
import time

from compostela.adapters.embedded.collection import BATCH, BlobCollector
from compostela.adapters.embedded.disk import DiskSpace
from compostela.adapters.embedded.greylist import cut_triplets, forget_old_triplets
from compostela.adapters.embedded.listener_cursors import forget_removed_groups
from compostela.adapters.embedded.listener_holds import HELD_BYTES, HELD_SECONDS, release
from compostela.adapters.embedded.mailbox_removal import purge_deleted
from compostela.adapters.embedded.mailbox_retention import trim_logs
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.unqueued_runs import forget_old_runs
from compostela.adapters.embedded.writer import Writer
from compostela.core.mail.ports import KEPT_DAYS

_log = logging.getLogger(__name__)

COLLECT_SECONDS = 3600.0
SHORT_COLLECT_SECONDS = 60.0
"""While the disk is short of room."""


class GarbageCollector:
    """Each process may have one; they do not disturb each other."""

    def __init__(self, writer: Writer, reader: Reader, collector: BlobCollector, disk: DiskSpace) -> None:
        self._writer = writer
        self._reader = reader
        self._collector = collector
        self._disk = disk
        self.held_seconds = HELD_SECONDS
        """How long logs, deleted mailboxes and expunged messages are kept for slow listener groups at most, in seconds."""
        self.held_bytes = HELD_BYTES
        """How many octets of logs, and how many of deleted mailboxes and messages, are kept for them at most."""

    async def run(self) -> None:
        """For ever: once at the start for mailboxes that a crash left half deleted, then once an hour, or once a minute
        while the disk is short of room."""
        while True:
            try:
                await purge_deleted(self._writer)
                await forget_removed_groups(self._writer)
                await self._wait()
                await self.tidy()
                if self._disk.is_short():
                    await self.collect_bodies(SHORT_COLLECT_SECONDS / 2)
            except Exception:
                _log.exception("garbage collection failed; it will be tried again")
                await asyncio.sleep(COLLECT_SECONDS)

    async def _wait(self) -> None:
        end = time.monotonic() + COLLECT_SECONDS
        while time.monotonic() < end:
            await asyncio.sleep(SHORT_COLLECT_SECONDS)
            if self._disk.is_short():
                return

    async def tidy(self) -> None:
        """All but the bodies."""
        await release(self._writer, self._reader, time.time(), self.held_seconds, self.held_bytes)
        await purge_deleted(self._writer)
        await trim_logs(
            self._writer, self._reader, time.time(), held_seconds=self.held_seconds, held_bytes=self.held_bytes
        )
        await forget_old_runs(self._writer, time.time() - KEPT_DAYS * 86400)
        await forget_old_triplets(self._writer, time.time())
        await cut_triplets(self._writer)

    async def collect_bodies(self, unreferenced_seconds: float) -> int:
        """One whole collection of bodies; returns how many it removed. What an earlier collection found without reference goes
        after `unreferenced_seconds`."""
        removed, position = 0, None
        while True:
            part = await self._collector.collect(position, BATCH, unreferenced_seconds)
            removed += part.removed
            if part.position is None:
                return removed
            position = part.position
