"""The tasks that tell the changes of dead letters again."""

from collections.abc import Sequence
from dataclasses import dataclass

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


class _Redelivery(TaskRunner[A]):
    """Goes on after a crash with the letters that are left: one that was redelivered is gone."""

    def __init__(self, letters: DeadLetters, listeners: Listeners) -> None:
        self._letters = letters
        self._listeners = listeners

    async def _redeliver(self, context: TaskContext, names: Sequence[tuple[str, str]]) -> None:
        counts = {key: int(str(context.state.information[key])) for key in (DONE, FAILED)}
        for group, name in names:
            letter = await self._letters.get(group, name)
            if letter is None:
                continue
            is_done = await self._listeners.redeliver(letter)
            counts[DONE if is_done else FAILED] += 1
            await context.report({**context.state.information, **counts})

    async def _names(self, group: str, limit: int | None) -> list[tuple[str, str]]:
        return [(group, name) for name in await self._letters.ids(group, limit)]


class RedeliverAllTask(_Redelivery[RedeliverAll]):
    name = "event-dead-letters-redeliver-all"
    arguments = RedeliverAll

    async def describe(self, arguments: RedeliverAll) -> Json:
        return {**_counts(), "runningOptions": {"limit": arguments.limit}}

    async def run(self, arguments: RedeliverAll, context: TaskContext) -> None:
        for group in await self._letters.groups():
            await self._redeliver(context, await self._names(group, arguments.limit))


class RedeliverGroupTask(_Redelivery[RedeliverGroup]):
    name = "event-dead-letters-redeliver-group"
    arguments = RedeliverGroup

    async def describe(self, arguments: RedeliverGroup) -> Json:
        return {**_counts(), "group": arguments.group, "runningOptions": {"limit": arguments.limit}}

    async def run(self, arguments: RedeliverGroup, context: TaskContext) -> None:
        await self._redeliver(context, await self._names(arguments.group, arguments.limit))


class RedeliverOneTask(_Redelivery[RedeliverOne]):
    name = "event-dead-letters-redeliver-one"
    arguments = RedeliverOne

    async def describe(self, arguments: RedeliverOne) -> Json:
        return {**_counts(), "group": arguments.group, "insertionId": arguments.letter}

    async def run(self, arguments: RedeliverOne, context: TaskContext) -> None:
        await self._redeliver(context, [(arguments.group, arguments.letter)])


def _counts() -> Json:
    return {DONE: 0, FAILED: 0}
