"""The tasks that tell the changes of dead letters again."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

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
    group: str = ""
    """The groups before it are done, in the order of names."""
    done: int = 0
    """Letters of this group that were redelivered."""


class _Redelivery(TaskRunner[A]):
    """Goes on after a crash with the letters that are left: one that was redelivered is gone, and counts for the limit."""

    def __init__(self, letters: DeadLetters, listeners: Listeners) -> None:
        self._letters = letters
        self._listeners = listeners

    async def _redeliver(self, context: TaskContext, groups: Sequence[str], limit: int | None) -> None:
        """At most `limit` letters of each group."""
        begun = msgspec.convert(context.progress or {}, _Progress)
        for group in sorted(groups):
            if group < begun.group:
                continue
            done = begun.done if group == begun.group else 0
            left = None if limit is None else max(limit - done, 0)
            await self._redeliver_letters(context, group, await self._letters.ids(group, left), done)

    async def _redeliver_letters(self, context: TaskContext, group: str, names: Sequence[str], done: int = 0) -> None:
        """`done` letters of the group were redelivered before."""
        counts = {key: int(str(context.state.information[key])) for key in (DONE, FAILED)}
        for name in names:
            letter = await self._letters.get(group, name)
            if letter is None:
                continue
            is_done = await self._listeners.redeliver(letter)
            done += is_done
            counts[DONE if is_done else FAILED] += 1
            progress = _Progress(group, done)
            await context.save({**context.state.information, **counts}, msgspec.to_builtins(progress))


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
        await self._redeliver_letters(context, arguments.group, [arguments.letter])


def _counts() -> Json:
    return {DONE: 0, FAILED: 0}
