"""Deleting mails of a queue, by one criterion."""

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.base.errors import InvalidArgument
from compostela.core.queue.tasks import ClearQueue, ClearQueueTask, DeleteFromQueue, DeleteFromQueueTask
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.service import Tasks
from compostela.testing.mails import a_mail
from tests.contracts.mail_queue import names_of
from tests.unit.core.tasks.runners import SECONDS, worker_of


@pytest.fixture
def tasks(store: EmbeddedStore) -> Tasks:
    types = TaskTypes([ClearQueueTask(store.queues), DeleteFromQueueTask(store.queues)])
    return Tasks(store.tasks, types, SystemClock(), "host1")


async def test_mails_are_deleted_and_counted(store: EmbeddedStore, tasks: Tasks) -> None:
    queue = store.queues.queue("held")
    for name, sender in (("a", "x@example.org"), ("b", "y@example.org"), ("c", "x@example.org")):
        await queue.enqueue(a_mail(name, sender=sender))
    async with worker_of(tasks, SystemClock()):
        some = await tasks.submit(DeleteFromQueueTask.name, DeleteFromQueue("held", sender="X@example.org"))
        report = await tasks.wait(some, SECONDS)
        assert report.state.information == {
            "mailQueueName": "held", "initialCount": 3, "remainingCount": 1,
            "sender": "X@example.org", "name": None, "recipient": None,
        }  # fmt: skip
        assert await names_of(queue) == ["b"]
        report = await tasks.wait(await tasks.submit(ClearQueueTask.name, ClearQueue("held")), SECONDS)
    assert report.state.information == {"mailQueueName": "held", "initialCount": 1, "remainingCount": 0}


@pytest.mark.parametrize(
    "arguments",
    [
        DeleteFromQueue("held"),
        DeleteFromQueue("held", name="a", sender="a@b.example"),
        DeleteFromQueue("held", sender="@@"),
    ],
)
async def test_without_one_criterion_nothing_is_deleted(tasks: Tasks, arguments: DeleteFromQueue) -> None:
    with pytest.raises(InvalidArgument):
        await tasks.submit(DeleteFromQueueTask.name, arguments)
