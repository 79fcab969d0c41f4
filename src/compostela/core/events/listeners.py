"""All listener groups of this process: their start and end, their health, redelivery."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from compostela.base.clock import Clock
from compostela.core.events.delivery import Delivery, DeliveryOptions
from compostela.core.events.listener import MailboxListener
from compostela.core.events.model import (
    LOG_END,
    DeadLetter,
    Group,
    MailboxChanges,
    MailboxDeleted,
    MailboxSnapshot,
    Rows,
    TreeChanges,
    TreeSnapshot,
)
from compostela.core.events.ports import CursorStore, DeadLetters, EventSource
from compostela.core.events.runner import GroupRunner
from compostela.core.events.threads import Slots
from compostela.core.health.checks import HealthCheck, HealthStatus
from compostela.model.numbers import ModSeq, Uid
from compostela.model.username import Username

_log = logging.getLogger(__name__)

DEFAULT_MAX_CONCURRENCY = 10
DEFAULT_TIMEOUT_SECONDS = 120.0
DEFAULT_OPTIONS = DeliveryOptions(DEFAULT_TIMEOUT_SECONDS)


@dataclass(frozen=True, slots=True)
class EventPorts:
    """What an edition provides for listeners."""

    cursors: CursorStore
    source: EventSource
    letters: DeadLetters


@dataclass(frozen=True, slots=True)
class NamedListener:
    """A listener and the name of its group."""

    group: str
    listener: MailboxListener


@dataclass(slots=True)
class _Running:
    delivery: Delivery
    slots: Slots
    runner: GroupRunner
    task: asyncio.Task[None] | None = None


class Listeners:
    """`start` and `stop` are each called once. Groups do not disturb each other."""

    def __init__(
        self,
        listeners: Sequence[NamedListener],
        ports: EventPorts,
        clock: Clock,
        *,
        max_concurrency: int = DEFAULT_MAX_CONCURRENCY,
        options: DeliveryOptions = DEFAULT_OPTIONS,
    ) -> None:
        """`max_concurrency` is the number of calls of one group that run at once."""
        self._ports = ports
        self._groups = [Group(one.group, one.listener.needs_content, one.listener.follows_trees) for one in listeners]
        self._running: dict[str, _Running] = {}
        for one in listeners:
            slots = Slots(max_concurrency)
            delivery = Delivery(one.group, one.listener, slots, ports.letters, clock, options)
            runner = GroupRunner(one.group, delivery, ports.cursors, ports.source, clock, one.listener.gather_seconds)
            self._running[one.group] = _Running(delivery, slots, runner)

    async def start(self) -> None:
        """Register the groups, forget those that are no longer configured, and begin. Raises `TemporaryFailure`."""
        for group in await self._ports.cursors.groups():
            if group.name not in self._running:
                _log.info("forgetting a listener group that is not configured", extra={"group": group.name})
                await self._ports.cursors.remove(group.name)
        for group in self._groups:
            await self._ports.cursors.register(group)
        for running in self._running.values():
            running.task = asyncio.create_task(running.runner.run())

    async def stop(self) -> None:
        tasks = [running.task for running in self._running.values() if running.task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await asyncio.gather(*(running.runner.close() for running in self._running.values()))

    def is_running(self, group: str) -> bool:
        """True if this process has the lease of the group."""
        return group in self._running and self._running[group].runner.has_lease

    def health_checks(self) -> list[HealthCheck]:
        return [
            HealthCheck("EventDeadLettersHealthCheck", self._dead_letters),
            HealthCheck("MailboxListeners", self._working),
        ]

    async def _dead_letters(self) -> tuple[HealthStatus, str] | None:
        groups = await self._ports.letters.groups()
        if not groups:
            return None
        return (
            HealthStatus.DEGRADED,
            f"there are {await self._ports.letters.count()} dead letters of {', '.join(groups)}",
        )

    async def _working(self) -> tuple[HealthStatus, str] | None:
        hanging = [group for group, running in self._running.items() if running.slots.hanging]
        if hanging:
            return HealthStatus.DEGRADED, f"listeners do not end: {', '.join(hanging)}"
        unattended = await self._ports.cursors.unattended()
        return (HealthStatus.DEGRADED, f"no process runs {', '.join(unattended)}") if unattended else None

    async def redeliver(self, letter: DeadLetter) -> bool:
        """Tell the changes of a dead letter again, once, and remove the letter if that succeeds. If the log no longer holds them
        the group gets a snapshot. Return False if it fails again or the group is not configured here."""
        running = self._running.get(letter.group)
        if running is None:
            return False
        try:
            await self._tell_again(running.delivery, letter)
        except Exception:
            _log.warning("redelivery failed", exc_info=True, extra={"group": letter.group, "letter": letter.id})
            return False
        await self._ports.letters.remove(letter.group, letter.id, letter.until)
        return True

    async def _tell_again(self, delivery: Delivery, letter: DeadLetter) -> None:
        if isinstance(letter.log, Username):
            await self._tell_tree_again(delivery, letter, letter.log)
            return
        source, log, since = self._ports.source, letter.log, letter.since
        while since is None or since < letter.until:
            found = await source.read(log, since)
            if found is None:
                break
            page = found.page
            if not page.complete:
                if found.is_deleted:
                    break
                rows = Rows(partial(source.rows, log, page.head.uid_next))
                await delivery.once(MailboxSnapshot(found.mailbox, page.head, rows))
                return
            entries = [entry for entry in page.entries if entry.modseq <= letter.until]
            if entries:
                until = ModSeq(min(page.until, letter.until))
                await delivery.once(MailboxChanges(found.mailbox, page.head, entries, ModSeq(since or 0), until, True))
            if page.is_last:
                break
            since = page.until
        if letter.until == LOG_END and letter.mailbox is not None:
            await delivery.once(MailboxDeleted(letter.mailbox, Rows(partial(source.rows, log, Uid(0)))))

    async def _tell_tree_again(self, delivery: Delivery, letter: DeadLetter, user: Username) -> None:
        since = letter.since
        while since is None or since < letter.until:
            page = None if since is None else await self._ports.source.tree(user, since)
            if page is None or not page.complete:
                mailboxes, highest = await self._ports.source.of_user(user)
                await delivery.once(TreeSnapshot(user, mailboxes, highest))
                return
            entries = [entry for entry in page.entries if entry.modseq <= letter.until]
            if entries:
                until = ModSeq(min(page.until, letter.until))
                await delivery.once(TreeChanges(user, entries, ModSeq(since or 0), until, True))
            if page.is_last:
                return
            since = page.until
