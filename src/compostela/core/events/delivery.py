"""Telling a listener of changes: time limits, retries, dead letters."""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, TypeVar, cast

from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.metrics import counter, histogram
from compostela.core.events.listener import MailboxListener
from compostela.core.events.model import (
    DeadLetter,
    LogId,
    MailboxChanges,
    MailboxDeleted,
    MailboxSnapshot,
    TreeChanges,
    TreeSnapshot,
)
from compostela.core.events.ports import DeadLetters
from compostela.core.events.threads import Hanging, Slots
from compostela.core.mailbox.model import Mailbox
from compostela.model.numbers import ModSeq

A = TypeVar("A")
Told = MailboxChanges | MailboxSnapshot | MailboxDeleted | TreeChanges | TreeSnapshot
"""What a listener's method is called with."""

_log = logging.getLogger(__name__)

MAX_RETRIES = 8
"""After the first attempt, as James does."""
FIRST_PAUSE_SECONDS = 0.1
"""Before the first retry; doubled for each further one."""
JITTER = 0.5
"""Each pause is longer or shorter by up to this part of it."""
MAX_FAILED_PARTS = 3
"""When so many ModSeqs of a failed page fail one after the other, the rest of the page is not tried one by one."""
MAX_ERROR_CHARACTERS = 500
"""Of an error that a dead letter keeps."""

_dead_letters = counter("eventDeadLetters", "Ranges of changes that became dead letters")


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """`seconds` is the time limit of a call; the pauses are as in the constants of this module."""

    seconds: float
    first_pause_seconds: float = FIRST_PAUSE_SECONDS


class Delivery:
    """Calls the listener of one group."""

    def __init__(
        self,
        group: str,
        listener: MailboxListener,
        slots: Slots,
        letters: DeadLetters,
        clock: Clock,
        options: DeliveryOptions,
    ) -> None:
        self._group = group
        self._listener = listener
        self._slots = slots
        self._letters = letters
        self._clock = clock
        self._options = options
        self._complaints = Complaints(_log, clock)
        name = type(listener).__name__
        self._times = histogram(f"mailbox-listener-{name}", "Duration of the calls of a mailbox listener")
        self._failures = counter(f"mailbox-listener-{name}-failures", "Failed calls of a mailbox listener")

    async def once(self, told: Told) -> None:
        """Call the method once. Raises what it raises, `TimeoutError` or `Hanging`; it does not wait for calls that hang."""
        await self._tell(told, self._slots.take_unless_stuck)

    async def _tell(self, told: Told, take_slot: Callable[[], Awaitable[None]]) -> None:
        match told:
            case MailboxChanges():
                await self._call(self._listener.changed, MailboxListener.changed, told, take_slot)
            case MailboxSnapshot():
                await self._call(self._listener.snapshot, MailboxListener.snapshot, told, take_slot)
            case MailboxDeleted():
                await self._call(self._listener.deleted, MailboxListener.deleted, told, take_slot)
            case TreeChanges():
                await self._call(self._listener.tree_changed, MailboxListener.tree_changed, told, take_slot)
            case TreeSnapshot():
                await self._call(self._listener.tree_snapshot, MailboxListener.tree_snapshot, told, take_slot)

    async def _call(
        self,
        method: Callable[[A], Awaitable[None] | None],
        base: Callable[..., object],
        told: A,
        take_slot: Callable[[], Awaitable[None]],
    ) -> None:
        if getattr(method, "__func__", None) is base:
            return  # not overridden
        await take_slot()
        started = self._clock.monotonic()
        try:
            await self._slots.call(method, told, self._options.seconds)
        except Exception:
            self._failures.inc()
            raise
        finally:
            self._times.observe(self._clock.monotonic() - started)

    async def changes(self, log: LogId, told: MailboxChanges | TreeChanges) -> None:
        """Tell changes. If they cannot be taken together, each ModSeq is tried alone, and only those that fail are dead
        letters."""
        error = await self._with_retries(told)
        if error is None:
            return
        mailbox = told.mailbox if isinstance(told, MailboxChanges) else None
        parts = _parts(told)
        if len(parts) == 1 or isinstance(error, Hanging):
            await self.give_up(log, mailbox, told.since, told.until, error)
            return
        failed: list[tuple[ModSeq, ModSeq]] = []
        run = 0
        for part in parts:
            if run < MAX_FAILED_PARTS:
                part_error = await self._attempt(part)
                error = part_error or error
                if part_error is None:
                    run = 0
                    continue
                run = MAX_FAILED_PARTS if isinstance(part_error, Hanging) else run + 1
            if failed and failed[-1][1] == part.since:
                failed[-1] = (failed[-1][0], part.until)
            else:
                failed.append((part.since, part.until))
        for since, until in failed:
            await self.give_up(log, mailbox, since, until, error)

    async def snapshot(self, log: LogId, told: MailboxSnapshot | TreeSnapshot) -> None:
        error = await self._with_retries(told)
        if error is None:
            return
        if isinstance(told, MailboxSnapshot):
            await self.give_up(log, told.mailbox, None, told.head.highest_modseq, error)
        else:
            await self.give_up(log, None, None, told.highest_modseq, error)

    async def deletion(self, log: LogId, told: MailboxDeleted, since: ModSeq | None, end: ModSeq) -> None:
        error = await self._with_retries(told)
        if error is not None:
            await self.give_up(log, told.mailbox, since, end, error)

    async def give_up(
        self, log: LogId, mailbox: Mailbox | None, since: ModSeq | None, until: ModSeq, error: Exception | str
    ) -> None:
        """Make a dead letter of a range. Raises `TemporaryFailure`: then the range stays pending."""
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        await self._letters.add(
            DeadLetter(
                str(uuid.uuid4()),
                self._group,
                log,
                mailbox,
                since,
                until,
                text[:MAX_ERROR_CHARACTERS],
                self._clock.now(),
            )
        )
        _dead_letters.inc()
        _log.warning("changes became a dead letter", extra={"group": self._group, "log": str(log), "reason": text})

    async def _with_retries(self, told: Told) -> Exception | None:
        error = await self._attempt(told)
        for number in range(MAX_RETRIES):
            if error is None or isinstance(error, Hanging):
                break
            pause = self._options.first_pause_seconds * 2**number
            await asyncio.sleep(pause * (1 + JITTER * random.uniform(-1, 1)))
            error = await self._attempt(told)
        return error

    async def _attempt(self, told: Told) -> Exception | None:
        try:
            await self._tell(told, self._slots.take)
        except Exception as error:
            self._complaints.error("a mailbox listener failed", error, group=self._group)
            return error
        return None


def _parts(told: MailboxChanges | TreeChanges) -> Sequence[MailboxChanges | TreeChanges]:
    """The same changes, one ModSeq each; together they reach from `since` to `until`."""
    entries: Sequence[Any] = told.entries
    groups = [(modseq, list(some)) for modseq, some in groupby(entries, lambda entry: entry.modseq)]
    ends: list[ModSeq] = [modseq for modseq, _ in groups[:-1]]
    return [
        replace(cast("MailboxChanges", told), entries=some, since=since, until=until)
        for (_, some), since, until in zip(groups, [told.since, *ends], [*ends, told.until], strict=True)
    ]
