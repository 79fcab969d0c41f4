"""The tasks that compare and mend, over all mailboxes, messages or mappings of the cluster.

They go in the order of the partitions, note how far they are after each part, and may run while the servers work. A mailbox that cannot
be read is told in the report and passed over.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from compostela.adapters.cassandra.mailbox_consistency import COUNTERS, MailboxConsistency, PlacesFound
from compostela.adapters.cassandra.mailbox_replay import Replayed
from compostela.adapters.cassandra.rewriting import CassandraRewriting
from compostela.base.concurrency import side_by_side
from compostela.base.errors import NotFound, TemporaryFailure
from compostela.core.mailbox.consistency import (
    COMPARE_LOGS,
    MAX_LISTED,
    RECOMPUTE_COUNTERS,
    SOLVE_FLAGS,
    SOLVE_MAILBOXES,
    SOLVE_MAPPINGS,
    SOLVE_MESSAGES,
    CompareLogs,
    CompareMode,
    CountedFlag,
    RecomputeCounters,
    SolveFlags,
    SolveMailboxes,
    SolveMappings,
    SolveMessages,
)
from compostela.core.mailbox.log_and_pages.replay import Difference
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner

_log = logging.getLogger(__name__)

PART = 100
"""Mailboxes, users or messages between two notes of how far a task is."""
AT_ONCE = 8
LOGS_AT_ONCE = 2
"""Each has a part of a mailbox in memory."""
Item = TypeVar("Item")
Found = TypeVar("Found")
_OF_FLAG = {CountedFlag.DELETED: ("deleted", "deleted_size"), CountedFlag.RECENT: ("recent",)}


def repairs(mailboxes: MailboxConsistency, rewriting: CassandraRewriting) -> list[TaskRunner[Any]]:  # Any: arguments
    """All of them."""
    return [
        SolveMailboxesTask(mailboxes),
        RecomputeCountersTask(mailboxes),
        SolveFlagsTask(mailboxes),
        SolveMessagesTask(mailboxes),
        SolveMappingsTask(rewriting),
        CompareLogsTask(mailboxes),
    ]


async def _each(items: list[Item], check: Callable[[Item], Awaitable[Found]]) -> list[Found | None]:
    """What was found of each; None if it cannot be read now."""

    async def one(item: Item) -> Found | None:
        try:
            return await check(item)
        except TemporaryFailure:
            return None

    return await side_by_side(items, one, AT_ONCE)


class _Counted(msgspec.Struct):
    position: str | None = ""
    looked: int = 0
    failed: list[str] = msgspec.field(default_factory=list)


async def _recount_all(
    mailboxes: MailboxConsistency, counters: tuple[str, ...], progress: _Counted, context: TaskContext, told: Any
) -> None:
    """`told` makes the report of the progress. A mailbox whose counters were wrong is not told: they are right now."""

    async def recount(mailbox: str) -> None:
        try:
            await mailboxes.recount(mailbox, counters)
        except NotFound:
            return
        except TemporaryFailure:
            progress.failed = [*progress.failed, mailbox][:MAX_LISTED]

    while progress.position is not None:
        part, position = await mailboxes.mailboxes(progress.position, PART)
        await side_by_side(part, recount, AT_ONCE)
        progress.position = position
        progress.looked += len(part)
        await context.report(told(progress), msgspec.to_builtins(progress))


class RecomputeCountersTask(TaskRunner[RecomputeCounters]):
    name = RECOMPUTE_COUNTERS
    arguments = RecomputeCounters

    def __init__(self, mailboxes: MailboxConsistency) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: RecomputeCounters) -> Json:
        return self._told(arguments, _Counted())

    async def run(self, arguments: RecomputeCounters, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Counted)
        await _recount_all(
            self._mailboxes, COUNTERS, progress, context, lambda progress: self._told(arguments, progress)
        )

    @staticmethod
    def _told(arguments: RecomputeCounters, progress: _Counted) -> Json:
        return {
            "processedMailboxes": progress.looked,
            "failedMailboxes": progress.failed,
            "runningOptions": {"trustMessageProjection": arguments.trust_message_projection},
        }


class SolveFlagsTask(TaskRunner[SolveFlags]):
    name = SOLVE_FLAGS
    arguments = SolveFlags

    def __init__(self, mailboxes: MailboxConsistency) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: SolveFlags) -> Json:
        return self._told(arguments, _Counted())

    async def run(self, arguments: SolveFlags, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Counted)
        counters = _OF_FLAG[arguments.flag]
        await _recount_all(
            self._mailboxes, counters, progress, context, lambda progress: self._told(arguments, progress)
        )

    @staticmethod
    def _told(arguments: SolveFlags, progress: _Counted) -> Json:
        return {
            "processedMailboxEntries": progress.looked,
            "errors": progress.failed,
            "targetFlag": str(arguments.flag),
        }


class _Names(msgspec.Struct):
    iteration: int = 1
    is_at_users: bool = False
    position: str | None = ""
    mailboxes: int = 0
    names: int = 0
    mended: int = 0
    mended_before: int = 0
    """By earlier iterations."""
    errors: int = 0
    conflicts: list[tuple[str, str, str]] = msgspec.field(default_factory=list)
    """Mailbox, the user in whose tree it is, and its owner."""


class SolveMailboxesTask(TaskRunner[SolveMailboxes]):
    """First each mailbox is looked for in the tree of its owner, then each name of each user at its mailbox."""

    name = SOLVE_MAILBOXES
    arguments = SolveMailboxes

    def __init__(self, mailboxes: MailboxConsistency) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: SolveMailboxes) -> Json:
        return _names_told(arguments, _Names())

    async def run(self, arguments: SolveMailboxes, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Names)
        while True:
            await self._iterate(arguments, progress, context)
            if progress.iteration >= arguments.max_iterations or progress.mended == progress.mended_before:
                return
            progress.iteration += 1
            progress.mended_before = progress.mended
            progress.is_at_users, progress.position = False, ""

    async def _iterate(self, arguments: SolveMailboxes, progress: _Names, context: TaskContext) -> None:
        checks = self._mailboxes
        while progress.position is not None:
            if progress.is_at_users:
                users, progress.position = await checks.users(progress.position, PART)
                named = await _each(users, checks.check_names)
                for user, found in zip(users, named, strict=True):
                    if found is None:
                        progress.errors += 1
                        continue
                    progress.names += found.looked
                    progress.mended += len(found.mended)
                    conflicts = [(mailbox, user.value, owner) for mailbox, owner in found.conflicting]
                    progress.conflicts = [*progress.conflicts, *conflicts][:MAX_LISTED]
            else:
                part, position = await checks.mailboxes(progress.position, PART)
                checked = await _each(part, checks.check_mailbox)
                progress.mailboxes += len(part)
                progress.errors += checked.count(None)
                progress.mended += sum(len(found.mended) for found in checked if found is not None)
                progress.is_at_users, progress.position = position is None, position or ""
            await context.report(_names_told(arguments, progress), msgspec.to_builtins(progress))


def _names_told(arguments: SolveMailboxes, progress: _Names) -> Json:
    return {
        "processedMailboxEntries": progress.mailboxes,
        "processedMailboxPathEntries": progress.names,
        "fixedInconsistencies": progress.mended,
        "errors": progress.errors,
        "conflictingEntries": [
            {
                "mailboxDaoEntry": {"mailboxPath": f"#private:{owner}", "mailboxId": mailbox},
                "mailboxPathDaoEntry": {"mailboxPath": f"#private:{user}", "mailboxId": mailbox},
            }
            for mailbox, user, owner in progress.conflicts
        ],
        "runningOptions": {"maxIterations": arguments.max_iterations, "autoMerge": arguments.auto_merge},
    }


class _Places(msgspec.Struct):
    is_at_places: bool = False
    position: str | None = ""
    messages: int = 0
    places: int = 0
    added: int = 0
    removed: int = 0
    fixed: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    """Mailbox, message and UID."""
    errors: list[tuple[str, str, int]] = msgspec.field(default_factory=list)
    """The same; of a mailbox that cannot be read there is only the id."""


class SolveMessagesTask(TaskRunner[SolveMessages]):
    """First each message of each mailbox is looked for at its place, then each place at its mailbox."""

    name = SOLVE_MESSAGES
    arguments = SolveMessages

    def __init__(self, mailboxes: MailboxConsistency) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: SolveMessages) -> Json:
        return _places_told(arguments, _Places())

    async def run(self, arguments: SolveMessages, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Places)
        while progress.position is not None:
            began, before = time.monotonic(), progress.messages + progress.places
            await (self._places(progress) if progress.is_at_places else self._messages(progress))
            await context.report(_places_told(arguments, progress), msgspec.to_builtins(progress))
            done = progress.messages + progress.places - before
            await asyncio.sleep(max(0.0, done / arguments.messages_per_second - (time.monotonic() - began)))

    async def _messages(self, progress: _Places) -> None:
        assert progress.position is not None
        part, position = await self._mailboxes.mailboxes(progress.position, AT_ONCE)
        for mailbox, found in zip(part, await _each(part, self._mailboxes.check_messages), strict=True):
            if found is None:
                progress.errors = [*progress.errors, (mailbox, "", 0)][:MAX_LISTED]
                continue
            progress.messages += found.messages
            progress.added += len(found.missing)
            _note(progress, [(mailbox, message, uid) for message, uid in found.missing])
        progress.is_at_places, progress.position = position is None, position or ""

    async def _places(self, progress: _Places) -> None:
        assert progress.position is not None
        found: PlacesFound
        found, position = await self._mailboxes.check_places(bytes.fromhex(progress.position), PART)
        progress.places += found.messages
        progress.removed += len(found.stale)
        _note(progress, [(mailbox, message, uid) for message, mailbox, uid in found.stale])
        progress.position = None if position is None else position.hex()


def _note(progress: _Places, fixed: list[tuple[str, str, int]]) -> None:
    progress.fixed = [*progress.fixed, *fixed][:MAX_LISTED]


def _places_told(arguments: SolveMessages, progress: _Places) -> Json:
    """James's names: its "IMAP UID entries" are the messages of mailboxes here, its "message id entries" the places."""
    return {
        "processedImapUidEntries": progress.messages,
        "processedMessageIdEntries": progress.places,
        "addedMessageIdEntries": progress.added,
        "updatedMessageIdEntries": 0,
        "removedMessageIdEntries": progress.removed,
        "fixedInconsistencies": _listed(progress.fixed),
        "errors": _listed(progress.errors),
        "runningOptions": {"messagesPerSecond": arguments.messages_per_second},
    }


def _listed(found: list[tuple[str, str, int]]) -> list[Json]:
    return [{"mailboxId": mailbox, "messageId": message, "uid": uid} for mailbox, message, uid in found]


class SolveMappingsTask(TaskRunner[SolveMappings]):
    """Not resumed where it was: it begins again."""

    name = SOLVE_MAPPINGS
    arguments = SolveMappings

    def __init__(self, rewriting: CassandraRewriting) -> None:
        self._rewriting = rewriting

    async def describe(self, arguments: SolveMappings) -> Json:
        del arguments
        return {"successfulMappingsCount": 0, "errorMappingsCount": 0}

    async def run(self, arguments: SolveMappings, context: TaskContext) -> None:
        del arguments
        looked = mended = 0
        async for some, wrong in self._rewriting.check():
            looked += some
            mended += wrong
            await context.report({"successfulMappingsCount": looked, "errorMappingsCount": 0})
        _log.info("mappings were compared", extra={"rows": looked, "mended": mended})


class _Compared(msgspec.Struct):
    position: str | None = ""
    looked: int = 0
    messages: int = 0
    changes: int = 0
    count: int = 0
    differences: list[tuple[str, int, int, str]] = msgspec.field(default_factory=list)
    """Mailbox, UID, ModSeq and kind; at most `MAX_LISTED` of `count`."""
    failed: list[str] = msgspec.field(default_factory=list)
    restored: int = 0
    corrected: int = 0
    removed: int = 0
    left_count: int = 0
    left: list[tuple[str, int, int, str]] = msgspec.field(default_factory=list)
    """As `differences`, after the repair."""


class CompareLogsTask(TaskRunner[CompareLogs]):
    """Mends only if it is asked to: what a log tells may be wrong too, if the cluster was damaged."""

    name = COMPARE_LOGS
    arguments = CompareLogs

    def __init__(self, mailboxes: MailboxConsistency) -> None:
        self._mailboxes = mailboxes

    async def describe(self, arguments: CompareLogs) -> Json:
        return _compared_told(arguments, _Compared())

    async def run(self, arguments: CompareLogs, context: TaskContext) -> None:
        progress = msgspec.convert(context.progress or {}, _Compared)
        compare = self._repair if arguments.mode is CompareMode.REPAIR else self._compare
        while progress.position is not None:
            part, position = await self._mailboxes.mailboxes(progress.position, PART)
            await side_by_side(part, lambda mailbox: _passed_over(compare, mailbox, progress), LOGS_AT_ONCE)
            progress.position = position
            progress.looked += len(part)
            await context.report(_compared_told(arguments, progress), msgspec.to_builtins(progress))

    async def _compare(self, mailbox: str, progress: _Compared) -> None:
        _note_compared(mailbox, await self._mailboxes.compare_log(mailbox), progress)

    async def _repair(self, mailbox: str, progress: _Compared) -> None:
        repaired = await self._mailboxes.repair_log(mailbox)
        _note_compared(mailbox, repaired.found, progress)
        progress.restored += repaired.restored
        progress.corrected += repaired.corrected
        progress.removed += repaired.removed
        progress.left_count += len(repaired.left)
        progress.left = _more(progress.left, mailbox, repaired.left)


async def _passed_over(compare: Callable[[str, _Compared], Awaitable[None]], mailbox: str, progress: _Compared) -> None:
    try:
        await compare(mailbox, progress)
    except NotFound:
        return
    except TemporaryFailure:
        progress.failed = [*progress.failed, mailbox][:MAX_LISTED]


def _note_compared(mailbox: str, found: Replayed, progress: _Compared) -> None:
    progress.messages += found.messages
    progress.changes += found.entries
    progress.count += len(found.differences)
    progress.differences = _more(progress.differences, mailbox, found.differences)
    if found.differences:
        _log.error(
            "the log and the pages of a mailbox differ",
            extra={"mailbox": mailbox, "differences": len(found.differences)},
        )


def _more(
    listed: list[tuple[str, int, int, str]], mailbox: str, found: list[Difference]
) -> list[tuple[str, int, int, str]]:
    more = [(mailbox, one.uid, one.modseq, str(one.kind)) for one in found[:MAX_LISTED]]
    return [*listed, *more][:MAX_LISTED]


def _compared_told(arguments: CompareLogs, progress: _Compared) -> Json:
    return {
        "processedMailboxes": progress.looked,
        "comparedMessages": progress.messages,
        "replayedChanges": progress.changes,
        "differencesCount": progress.count,
        "differences": _differences(progress.differences),
        "restoredMessages": progress.restored,
        "correctedMessages": progress.corrected,
        "removedMessages": progress.removed,
        "remainingDifferencesCount": progress.left_count,
        "remainingDifferences": _differences(progress.left),
        "failedMailboxes": progress.failed,
        "runningOptions": {"mode": str(arguments.mode)},
    }


def _differences(listed: list[tuple[str, int, int, str]]) -> list[Json]:
    return [{"mailboxId": mailbox, "uid": uid, "modSeq": modseq, "kind": kind} for mailbox, uid, modseq, kind in listed]
