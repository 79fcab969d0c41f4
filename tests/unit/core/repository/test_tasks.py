"""Tasks on repositories go on where they were cut off, with the mails that were there when they began."""

import asyncio
import uuid
from typing import Any

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import InvalidArgument, NotFound
from compostela.core.repository import tasks as tasks_module
from compostela.core.repository.ports import MailRepository, RepositoryUrl
from compostela.core.repository.tasks import (
    ClearRepository,
    ClearRepositoryTask,
    ReprocessAll,
    ReprocessAllTask,
    ReprocessOne,
    ReprocessOneTask,
)
from compostela.core.tasks.model import Json, TaskState
from compostela.core.tasks.runner import TaskContext, TaskRunner
from compostela.testing.clock import START
from compostela.testing.mails import a_mail
from tests.contracts.mail_queue import names_of
from tests.contracts.mail_repository import keys_of

PATH = "var/mail/error"
TASK = uuid.uuid4()


class Cut(Exception):
    """The process dies here."""


@pytest.fixture
async def repository(store: EmbeddedStore) -> MailRepository:
    repository = await store.repositories.select(RepositoryUrl.parse(f"file://{PATH}"))
    for name in "abcde":
        await repository.store(a_mail(name))
    return repository


async def run(runner: TaskRunner[Any], arguments: object, progress: Json | None = None, cut: int = 1000) -> TaskContext:
    """One run, from a progress, that is cut off at its report of this number; what it saved is in the context."""
    reports = 0

    class Context(TaskContext):
        async def report(self, information: Json, progress: Json | None = None) -> None:
            nonlocal reports
            await super().report(information, progress)
            reports += 1
            if reports == cut:
                raise Cut

    async def save(state: TaskState) -> None:
        return

    information = await runner.describe(arguments)
    context = Context(TASK, TaskState(progress, information, START), lambda: START, save)
    try:
        await runner.run(arguments, context)
    except Cut:
        assert cut < 1000
    return context


async def begun(runner: TaskRunner[Any], arguments: object, cut: int) -> Json:
    """What was saved first: later reports are lost, as in a crash within the second."""
    saved: list[Json] = []

    class Context(TaskContext):
        async def report(self, information: Json, progress: Json | None = None) -> None:
            nonlocal cut
            cut -= 1
            if cut == 0:
                raise Cut

    async def save(state: TaskState) -> None:
        assert state.progress is not None
        saved.append(state.progress)

    context = Context(TASK, TaskState(None, {}, START), lambda: START, save)
    with pytest.raises(Cut):
        await runner.run(arguments, context)
    return saved[0]


@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_clearing_goes_on_and_leaves_later_mails(
    store: EmbeddedStore, repository: MailRepository, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    monkeypatch.setattr(tasks_module, "BATCH", 2)
    runner = ClearRepositoryTask(store.repositories)
    progress = await begun(runner, ClearRepository(PATH), cut)
    await repository.store(a_mail("later"))
    context = await run(runner, ClearRepository(PATH), progress)
    assert await keys_of(repository) == ["later"]
    assert context.state.information == {"repositoryPath": PATH, "initialCount": 5, "remainingCount": 0}


async def test_clearing_again_after_the_end_removes_nothing(store: EmbeddedStore, repository: MailRepository) -> None:
    """The process died before the end was written."""
    runner = ClearRepositoryTask(store.repositories)
    context = await run(runner, ClearRepository(PATH))
    await repository.store(a_mail("e"))
    await run(runner, ClearRepository(PATH), context.progress)
    assert await keys_of(repository) == ["e"]


@pytest.mark.parametrize("consume", [True, False])
@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize("cut", [1, 2, 3])
async def test_reprocessing_goes_on_and_runs_no_mail_twice(
    store: EmbeddedStore, repository: MailRepository, consume: bool, limit: int | None, cut: int
) -> None:
    runner = ReprocessAllTask(store.repositories, store.queues)
    arguments = ReprocessAll(PATH, consume=consume, limit=limit)
    progress = await begun(runner, arguments, cut)
    await repository.store(a_mail("later"))
    context = await run(runner, arguments, progress)
    expected = list("abcde")[:limit]
    assert await names_of(store.queues.queue("spool")) == expected
    left = [name for name in [*"abcde", "later"] if not (consume and name in expected)]
    assert await keys_of(repository) == left
    assert context.state.information["remainingCount"] == 5 - len(expected)


async def test_a_mail_that_fails_again_does_not_keep_the_task_going(
    store: EmbeddedStore, repository: MailRepository
) -> None:
    runner = ReprocessAllTask(store.repositories, store.queues)
    task = asyncio.ensure_future(run(runner, ReprocessAll(PATH)))
    spool = store.queues.queue("spool")
    for _ in range(5):
        item = await asyncio.wait_for(spool.dequeue(), 20)
        await repository.store(item.mail)
        await item.done()
    await asyncio.wait_for(task, 20)
    assert await spool.size() == 0
    assert await repository.size() == 5


@pytest.mark.parametrize("consume", [True, False])
async def test_one_mail_runs_once(store: EmbeddedStore, repository: MailRepository, consume: bool) -> None:
    runner = ReprocessOneTask(store.repositories, store.queues)
    arguments = ReprocessOne(PATH, "c", consume=consume)
    context = await run(runner, arguments)
    if consume:
        await repository.store(a_mail("c"))
    await run(runner, arguments, context.progress)
    assert await names_of(store.queues.queue("spool")) == ["c"]
    assert "c" in await keys_of(repository)


async def test_what_cannot_be_done_is_refused(store: EmbeddedStore, repository: MailRepository) -> None:
    with pytest.raises(NotFound):
        await ClearRepositoryTask(store.repositories).describe(ClearRepository("var/mail/unknown"))
    with pytest.raises(InvalidArgument):
        await ReprocessAllTask(store.repositories, store.queues).describe(ReprocessAll(PATH, recipient="no address"))
    with pytest.raises(NotFound):
        await run(ReprocessOneTask(store.repositories, store.queues), ReprocessOne(PATH, "unknown"))
