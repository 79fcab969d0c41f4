"""One listener group at work: it takes the lease, looks for news, tells them, and saves its cursors in batches.

A cursor that is not yet saved is in memory only. After a crash the changes since the saved one are told again.
"""

import asyncio
import logging
from functools import partial

from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.concurrency import wait_at_most
from compostela.base.errors import TemporaryFailure
from compostela.core.events.delivery import Delivery
from compostela.core.events.model import (
    LOG_END,
    FollowedMailbox,
    LogId,
    MailboxChanges,
    MailboxDeleted,
    MailboxSnapshot,
    Rows,
    TreeChanges,
    TreeSnapshot,
)
from compostela.core.events.ports import TAKE_OVER_SECONDS, CursorStore, EventSource
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

_log = logging.getLogger(__name__)

SAVE_SECONDS = 1.0
"""A cursor is saved at most so long after the changes were told."""
SAVE_CHANGES = 100
"""After so many changes cursors are saved at once."""
MAX_LOGS = 1000
"""Logs that a group has in work at once, those that wait for a retry included."""
PENDING_PAGE = 100
BELOW_FLOOR = "the log no longer holds these changes: the group came too late for them; it gets a snapshot instead"


class GroupRunner:
    """`run` goes on until it is cancelled; then `close`."""

    def __init__(
        self,
        group: str,
        delivery: Delivery,
        cursors: CursorStore,
        source: EventSource,
        clock: Clock,
        poll_seconds: float,
    ) -> None:
        self.group = group
        self._delivery = delivery
        self._cursors = cursors
        self._source = source
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._complaints = Complaints(_log, clock)
        self._wake = asyncio.Event()
        self._work: dict[LogId, asyncio.Task[None]] = {}
        self._freed = asyncio.Event()
        """A log is no longer in work."""
        self._reached: dict[LogId, ModSeq] = {}
        """Cursors that are not yet saved."""
        self._unsaved = 0
        self._unsaved_since = 0.0
        self._acquire_at = 0.0
        self.has_lease = False

    async def run(self) -> None:
        while True:
            try:
                await self._round()
            except Exception as error:
                self._complaints.error("a listener group was interrupted; it goes on", error, group=self.group)
            pause = self._poll_seconds if self.has_lease else TAKE_OVER_SECONDS / 5
            await wait_at_most(self._wake, pause)
            self._wake.clear()

    async def close(self) -> None:
        """Cut off what is in work, save what was reached, and give back the lease. It raises nothing for a store that fails."""
        await self._cut_off()
        if not self.has_lease:
            return
        try:
            await self._save()
            await self._cursors.release(self.group)
        except TemporaryFailure as failure:
            event = "cursors of a listener group were not saved; its changes are told again"
            _log.warning(event, extra={"group": self.group, "reason": str(failure)})
        self.has_lease = False

    async def _round(self) -> None:
        if not await self._keep_lease():
            return
        await self._save_if_due()
        await self._begin_pending()

    async def _keep_lease(self) -> bool:
        now = self._clock.monotonic()
        if not self.has_lease or now >= self._acquire_at:
            self._acquire_at = now + TAKE_OVER_SECONDS / 5
            had, self.has_lease = self.has_lease, await self._cursors.acquire(self.group)
            if had and not self.has_lease:
                await self._lose_lease()
        return self.has_lease

    async def _lose_lease(self) -> None:
        """The process that has the lease begins at the saved cursors."""
        self.has_lease = False
        _log.warning("another process runs the listener group", extra={"group": self.group})
        await self._cut_off()
        self._reached.clear()
        self._unsaved = 0

    async def _cut_off(self) -> None:
        tasks = list(self._work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # cursors

    def _reach(self, log: LogId, modseq: ModSeq, changes: int) -> None:
        if not self._unsaved:
            self._unsaved_since = self._clock.monotonic()
        self._reached[log] = modseq
        self._unsaved += max(changes, 1)
        if self._unsaved >= SAVE_CHANGES:
            self._wake.set()

    async def _save_if_due(self) -> None:
        if self._unsaved >= SAVE_CHANGES or (
            self._unsaved and self._clock.monotonic() >= self._unsaved_since + SAVE_SECONDS
        ):
            await self._save()

    async def _save(self) -> None:
        if not self._reached:
            return
        reached, unsaved = dict(self._reached), self._unsaved
        if not await self._cursors.save(self.group, reached):
            await self._lose_lease()
            return
        for log, modseq in reached.items():
            if self._reached.get(log) == modseq:
                del self._reached[log]
        self._unsaved -= unsaved
        if self._unsaved:
            self._unsaved_since = self._clock.monotonic()

    # news

    async def _begin_pending(self) -> None:
        after: LogId | None = None
        while True:
            page = await self._cursors.pending(self.group, after, PENDING_PAGE)
            for pending in page:
                reached = self._reached.get(pending.log)
                if pending.log not in self._work and (reached is None or reached < pending.head):
                    await self._make_room()
                    if not self.has_lease:
                        return
                    self._begin(pending.log, pending.since if reached is None else reached)
            if len(page) < PENDING_PAGE:
                return
            after = page[-1].log

    async def _make_room(self) -> None:
        """Wait while too many logs are in work. What they reach is saved meanwhile."""
        while len(self._work) >= MAX_LOGS:
            self._freed.clear()
            await wait_at_most(self._freed, SAVE_SECONDS)
            if await self._keep_lease():
                await self._save_if_due()

    def _begin(self, log: LogId, since: ModSeq | None) -> None:
        task = self._work[log] = asyncio.create_task(self._follow(log, since))
        task.add_done_callback(lambda _: self._ended(log))

    def _ended(self, log: LogId) -> None:
        del self._work[log]
        self._freed.set()

    async def _follow(self, log: LogId, since: ModSeq | None) -> None:
        """Tell everything that is in the log. If the store fails the log stays pending, and is taken up in the next round."""
        try:
            if isinstance(log, Username):
                await self._follow_tree(log, since)
            else:
                await self._follow_mailbox(log, since)
        except Exception as error:
            self._complaints.error("a listener group could not read a log; it goes on", error, group=self.group)

    async def _follow_mailbox(self, log: MailboxId, since: ModSeq | None) -> None:
        while True:
            found = await self._source.read(log, since)
            if found is None:
                self._reach(log, LOG_END, 1)
                return
            page = found.page
            if not page.complete:
                await self._tell_snapshot(log, found, since)
                since = page.head.highest_modseq
                self._reach(log, since, 1)
                continue
            if page.entries:
                start = ModSeq(0) if since is None else since
                await self._delivery.changes(
                    log, MailboxChanges(found.mailbox, page.head, page.entries, start, page.until)
                )
            since = page.until
            self._reach(log, since, len(page.entries))
            if not page.is_last:
                continue
            if found.is_deleted:
                rows = Rows(partial(self._source.rows, log, page.head.uid_next))
                await self._delivery.deletion(log, MailboxDeleted(found.mailbox, rows), since, LOG_END)
                self._reach(log, LOG_END, 1)
            return

    async def _tell_snapshot(self, log: MailboxId, found: FollowedMailbox, since: ModSeq | None) -> None:
        head = found.page.head
        if since is not None:
            await self._delivery.give_up(log, found.mailbox, since, head.highest_modseq, BELOW_FLOOR)
        if not found.is_deleted:
            rows = Rows(partial(self._source.rows, log, head.uid_next))
            await self._delivery.snapshot(log, MailboxSnapshot(found.mailbox, head, rows))

    async def _follow_tree(self, user: Username, since: ModSeq | None) -> None:
        while True:
            page = None if since is None else await self._source.tree(user, since)
            if page is None or not page.complete:
                mailboxes, highest = await self._source.of_user(user)
                if page is not None:
                    await self._delivery.give_up(user, None, since, highest, BELOW_FLOOR)
                await self._delivery.snapshot(user, TreeSnapshot(user, mailboxes, highest))
                since = highest
                self._reach(user, since, 1)
                continue
            if page.entries:
                await self._delivery.changes(user, TreeChanges(user, page.entries, ModSeq(since or 0), page.until))
            since = page.until
            self._reach(user, since, len(page.entries))
            if page.is_last:
                return
