"""Health of queues and tasks that other processes take."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.server.health import UNCONSUMED_SECONDS, queue_consumers_check, task_consumers_check
from compostela.app.server.roles import Roles
from compostela.core.queue.tasks import ClearQueue, ClearQueueTask
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.service import Tasks
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from compostela.testing.mails import a_mail

MAILBOXES_ONLY = Roles(feeds=frozenset(), consumes=frozenset(), group_listeners=False, tasks=False)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock)
    yield store
    await store.close()


async def test_a_process_that_only_reads_mailboxes_is_healthy(store: EmbeddedStore, clock: FakeClock) -> None:
    assert await queue_consumers_check(store.queues, MAILBOXES_ONLY, clock).probe() is None


async def test_a_queue_that_others_take_from_is_degraded_when_a_mail_waits_for_long(
    store: EmbeddedStore, clock: FakeClock
) -> None:
    check = queue_consumers_check(store.queues, MAILBOXES_ONLY, clock)
    await store.queues.queue("outgoing").enqueue(a_mail())
    clock.advance(UNCONSUMED_SECONDS - 1)
    assert await check.probe() is None
    clock.advance(1)
    found = await check.probe()
    assert found is not None
    assert "'outgoing' (1 mails)" in found[1]


async def test_a_mail_whose_time_has_not_come_is_not_late(store: EmbeddedStore, clock: FakeClock) -> None:
    check = queue_consumers_check(store.queues, MAILBOXES_ONLY, clock)
    await store.queues.queue("outgoing").enqueue(a_mail(), delay_seconds=10 * UNCONSUMED_SECONDS)
    clock.advance(2 * UNCONSUMED_SECONDS)
    assert await check.probe() is None


async def test_tasks_that_no_process_takes_are_degraded_after_a_while(store: EmbeddedStore, clock: FakeClock) -> None:
    tasks = Tasks(store.tasks, TaskTypes([ClearQueueTask(store.queues)]), clock, "host1")
    check = task_consumers_check(tasks, MAILBOXES_ONLY, clock)
    assert await check.probe() is None
    await tasks.submit(ClearQueueTask.name, ClearQueue("spool"))
    clock.advance(UNCONSUMED_SECONDS)
    assert await check.probe() is None
    clock.advance(1)
    found = await check.probe()
    assert found is not None
    assert "task.consumption.enabled" in found[1]
    await tasks.submit(ClearQueueTask.name, ClearQueue("outgoing"))
    assert await store.tasks.claim({ClearQueueTask.name: 1}, host="host2", now=clock.now(), until=clock.now() + 9)
    assert await check.probe() is None, "another process has the role"
