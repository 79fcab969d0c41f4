"""Tasks on mail repositories: clear one, run its mails again.

A task works on the mails that were there when it first began: it notes the last one of each repository, and a mail that is stored
later (or again) is left alone, however often the task goes on after a crash.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec

from compostela.base.errors import NotFound
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import MailRepository, MailRepositoryStore
from compostela.core.repository.reprocessing import Reprocessing
from compostela.core.tasks.model import Json
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.model.mail_address import MailAddress

BATCH = 100
"""Mails that are removed together."""


@dataclass(frozen=True, slots=True)
class ClearRepository:
    path: str


class ClearRepositoryTask(TaskRunner[ClearRepository]):
    """Removes all mails of a repository path."""

    name = "clear-mail-repository"
    arguments = ClearRepository

    def __init__(self, repositories: MailRepositoryStore) -> None:
        self._repositories = repositories

    async def describe(self, arguments: ClearRepository) -> Json:
        size = await size_of(await find(self._repositories, arguments.path))
        return {"repositoryPath": arguments.path, "initialCount": size, "remainingCount": size}

    async def run(self, arguments: ClearRepository, context: TaskContext) -> None:
        course = await _Course.begun(self._repositories, arguments.path, context, None)
        for repository in course.repositories:
            batch: list[str] = []
            async for key in course.keys(repository):
                is_last = course.is_last(repository, key)
                if is_last or len(batch) == BATCH:
                    # the last goes after all others: a later run that does not find it has nothing left to do
                    await self._remove(repository, batch, course)
                    batch = []
                batch.append(key)
                if is_last:
                    break
            await self._remove(repository, batch, course)

    async def _remove(self, repository: MailRepository, keys: Sequence[str], course: "_Course") -> None:
        entries = [await repository.entry(key) for key in keys]
        await asyncio.gather(*(repository.remove(key, entry) for key, entry in zip(keys, entries, strict=True)))
        await course.advance(len(keys))


@dataclass(frozen=True, slots=True)
class ReprocessAll:
    path: str
    queue: str = "spool"
    processor: str | None = None
    recipient: str | None = None
    consume: bool = True
    limit: int | None = None


class ReprocessAllTask(TaskRunner[ReprocessAll]):
    """Gives the mails of a repository path another run, the oldest first."""

    name = "reprocessing-all"
    arguments = ReprocessAll

    def __init__(self, repositories: MailRepositoryStore, queues: MailQueues) -> None:
        self._repositories = repositories
        self._queues = queues

    async def describe(self, arguments: ReprocessAll) -> Json:
        _check(arguments.recipient)
        size = await size_of(await find(self._repositories, arguments.path))
        return {
            "repositoryPath": arguments.path,
            "limit": arguments.limit,
            **_reprocessing(self._queues, arguments, "").describe(),
            "initialCount": size,
            "remainingCount": size,
        }

    async def run(self, arguments: ReprocessAll, context: TaskContext) -> None:
        course = await _Course.begun(self._repositories, arguments.path, context, arguments.limit)
        reprocessing = _reprocessing(self._queues, arguments, str(context.task_id))
        for repository in course.repositories:
            async for key in course.keys(repository):
                try:
                    await reprocessing.reprocess(repository, key)
                except NotFound:
                    pass  # removed by another since it was listed
                await course.advance(1)
                if course.is_last(repository, key):
                    break


@dataclass(frozen=True, slots=True)
class ReprocessOne:
    path: str
    key: str
    queue: str = "spool"
    processor: str | None = None
    recipient: str | None = None
    consume: bool = True


class ReprocessOneTask(TaskRunner[ReprocessOne]):
    """Gives one mail another run."""

    name = "reprocessing-one"
    arguments = ReprocessOne

    def __init__(self, repositories: MailRepositoryStore, queues: MailQueues) -> None:
        self._repositories = repositories
        self._queues = queues

    async def describe(self, arguments: ReprocessOne) -> Json:
        _check(arguments.recipient)
        reprocessing = _reprocessing(self._queues, arguments, "")
        return {"repositoryPath": arguments.path, "mailKey": arguments.key, **reprocessing.describe()}

    async def run(self, arguments: ReprocessOne, context: TaskContext) -> None:
        repositories = await find(self._repositories, arguments.path)
        entries = {str(one.url): await one.entry(arguments.key) for one in repositories}
        if context.progress is None:
            if not any(entries.values()):
                raise NotFound(f"{arguments.key} is not in {arguments.path}")
            await context.save(context.state.information, {"entries": entries})
        begun = msgspec.convert(context.progress, _Entries).entries
        reprocessing = _reprocessing(self._queues, arguments, str(context.task_id))
        for repository in repositories:
            entry = entries[str(repository.url)]
            # a mail that was stored again since the task first began has had its run
            if entry is not None and entry == begun.get(str(repository.url)):
                await reprocessing.reprocess(repository, arguments.key)


class _Entries(msgspec.Struct):
    """Progress: what the mail's storing was called in each repository when the task first began."""

    entries: dict[str, str | None]


class _Mark(msgspec.Struct):
    """The last mail of a repository that a task works on."""

    key: str
    entry: str


class _Progress(msgspec.Struct):
    initial: int
    """Mails that were there."""
    planned: int
    """Mails that are worked on."""
    done: int
    marks: dict[str, _Mark]
    """By URL."""


class _Course:
    """The mails that one task works on, in the order of storing."""

    def __init__(self, repositories: Sequence[MailRepository], progress: _Progress, context: TaskContext) -> None:
        self.repositories = repositories
        self._progress = progress
        self._context = context

    @classmethod
    async def begun(cls, store: MailRepositoryStore, path: str, context: TaskContext, limit: int | None) -> "_Course":
        """As the task first began it: its bounds are durable before anything is done."""
        repositories = await find(store, path)
        if context.progress is not None:
            course = cls(repositories, msgspec.convert(context.progress, _Progress), context)
            await course._count_done()
            return course
        progress = _Progress(await size_of(repositories), 0, 0, {})
        for repository in repositories:
            last: str | None = None
            async for key in repository.keys():
                if limit is not None and progress.planned == limit:
                    break
                last = key
                progress.planned += 1
            entry = None if last is None else await repository.entry(last)
            if last is not None and entry is not None:
                progress.marks[str(repository.url)] = _Mark(last, entry)
        course = cls(repositories, progress, context)
        await context.save(course._information(), msgspec.to_builtins(progress))
        return course

    async def _count_done(self) -> None:
        """From what is still there, since the last steps before a crash were saved nowhere. Mails that stay where they are come
        again, and their effects know them."""
        left = 0
        for repository in self.repositories:
            async for key in self.keys(repository):
                left += 1
                if self.is_last(repository, key):
                    break
        self._progress.done = max(0, self._progress.planned - left)
        await self.advance(0)

    async def keys(self, repository: MailRepository) -> AsyncIterator[str]:
        """Up to the mark; none when that is gone, since it goes last. Never more than were planned."""
        mark = self._progress.marks.get(str(repository.url))
        if mark is None or await repository.entry(mark.key) != mark.entry:
            return
        given = 0
        async for key in repository.keys():
            if given >= self._progress.planned:
                return
            given += 1
            yield key

    def is_last(self, repository: MailRepository, key: str) -> bool:
        return self._progress.marks[str(repository.url)].key == key

    async def advance(self, count: int) -> None:
        self._progress.done += count
        await self._context.report(self._information(), msgspec.to_builtins(self._progress))

    def _information(self) -> Json:
        remaining = max(0, self._progress.initial - self._progress.done)
        return {
            **self._context.state.information,
            "initialCount": self._progress.initial,
            "remainingCount": remaining,
        }


async def find(store: MailRepositoryStore, path: str) -> Sequence[MailRepository]:
    """The repositories of a path, one for each protocol. Raises `NotFound`."""
    repositories = await store.by_path(path)
    if not repositories:
        raise NotFound(f"The repository '{path}' does not exist")
    return repositories


async def size_of(repositories: Sequence[MailRepository]) -> int:
    """Mails in all of them."""
    return sum([await repository.size() for repository in repositories])


def _reprocessing(queues: MailQueues, arguments: ReprocessAll | ReprocessOne, task: str) -> Reprocessing:
    return Reprocessing(
        queues,
        queue=arguments.queue,
        processor=arguments.processor,
        recipient=arguments.recipient,
        consume=arguments.consume,
        task=task,
    )


def _check(recipient: str | None) -> None:
    if recipient is not None:
        MailAddress.parse(recipient)
