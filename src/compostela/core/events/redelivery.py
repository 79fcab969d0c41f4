"""The tasks that tell the changes of dead letters again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from compostela.base.concurrency import side_by_side
from compostela.core.events.listeners import Listeners
from compostela.core.events.ports import DeadLetters
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import A, TaskContext, TaskRunner

DONE = "successfulRedeliveriesCount"
FAILED = "failedRedeliveriesCount"


@dataclass(frozen=True, slots=True)
class RedeliverAll:
    """`limit` letters of each group at most, None for all."""

    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RedeliverGroup:
    group: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RedeliverOne:
    group: str
    letter: str


class _Progress(msgspec.Struct):
    redelivered: dict[str, int] = {}
    """Letters that were redelivered, by group."""
    passed: list[str] = []
    """Groups all of whose letters were tried."""


class _Redelivery(TaskRunner[A]):
    """Goes on after a crash with the letters that are left: one that was redelivered is gone, and counts for the limit. Groups go side
    by side: none waits for one that is slow or hangs."""

    def __init__(self, letters: DeadLetters, listeners: Listeners) -> None:
        self._letters = letters
        self._listeners = listeners

    async def _redeliver(self, context: TaskContext, groups: Sequence[str], limit: int | None) -> None:
        """At most `limit` letters of each group."""
        account = _Account(context)

        async def one(group: str) -> None:
            done = account.progress.redelivered.get(group, 0)
            left = None if limit is None else max(limit - done, 0)
            await self._redeliver_letters(account, group, await self._letters.ids(group, left))
            await account.note_passed(group)

        await side_by_side([group for group in groups if group not in account.progress.passed], one)

    async def _redeliver_letters(self, account: "_Account", group: str, names: Sequence[str]) -> None:
        for name in names:
            letter = await self._letters.get(group, name)
            if letter is not None:
                await account.note_letter(group, await self._listeners.redeliver(letter))


class _Account:
    """What one run tells and saves; groups that go side by side save one after the other."""

    def __init__(self, context: TaskContext) -> None:
        self._context = context
        self._saving = asyncio.Lock()
        self.progress = msgspec.convert(context.progress or {}, _Progress)

    async def note_letter(self, group: str, is_done: bool) -> None:
        async with self._saving:
            if is_done:
                self.progress.redelivered[group] = self.progress.redelivered.get(group, 0) + 1
            told, key = self._context.state.information, DONE if is_done else FAILED
            await self._save({**told, key: int(str(told[key])) + 1})

    async def note_passed(self, group: str) -> None:
        async with self._saving:
            self.progress.passed.append(group)
            await self._save(self._context.state.information)

    async def _save(self, information: Json) -> None:
        await self._context.save(information, msgspec.to_builtins(self.progress))


class RedeliverAllTask(_Redelivery[RedeliverAll]):
    name = "event-dead-letters-redeliver-all"
    arguments = RedeliverAll

    async def describe(self, arguments: RedeliverAll) -> Json:
        return {**_counts(), "runningOptions": {"limit": arguments.limit}}

    async def run(self, arguments: RedeliverAll, context: TaskContext) -> None:
        await self._redeliver(context, await self._letters.groups(), arguments.limit)


class RedeliverGroupTask(_Redelivery[RedeliverGroup]):
    name = "event-dead-letters-redeliver-group"
    arguments = RedeliverGroup

    async def describe(self, arguments: RedeliverGroup) -> Json:
        return {**_counts(), "group": arguments.group, "runningOptions": {"limit": arguments.limit}}

    async def run(self, arguments: RedeliverGroup, context: TaskContext) -> None:
        await self._redeliver(context, [arguments.group], arguments.limit)


class RedeliverOneTask(_Redelivery[RedeliverOne]):
    name = "event-dead-letters-redeliver-one"
    arguments = RedeliverOne

    async def describe(self, arguments: RedeliverOne) -> Json:
        return {**_counts(), "group": arguments.group, "insertionId": arguments.letter}

    async def run(self, arguments: RedeliverOne, context: TaskContext) -> None:
        await self._redeliver_letters(_Account(context), arguments.group, [arguments.letter])


def _counts() -> Json:
    return {DONE: 0, FAILED: 0}
