"""The embedded task store keeps to the contract, and knows of dead processes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull
from compostela.core.tasks.model import TaskEnd, TaskStatus
from compostela.core.tasks.ports import TaskStore
from compostela.model.username import Username
from compostela.testing.clock import START
from tests.contracts.tasks import TaskStoreContract, a_task, claimed, running, state


class TestEmbeddedTasks(TaskStoreContract):
    @pytest.fixture
    def tasks(self, store: EmbeddedStore) -> TaskStore:
        return store.tasks

    @pytest.fixture
    async def tasks_elsewhere(self, store: EmbeddedStore, tmp_path: Path) -> AsyncIterator[TaskStore]:
        other = await EmbeddedStore.open(tmp_path)
        yield other.tasks
        await other.close()


async def test_a_task_of_a_dead_process_need_not_wait_for_its_lease(store: EmbeddedStore, tmp_path: Path) -> None:
    other = await EmbeddedStore.open(tmp_path)
    task = a_task()
    await store.tasks.add(task)
    claim = await running(other.tasks)
    await other.tasks.save(claim.lease, state({"n": 1}), until=START + 1000)
    assert await claimed(store.tasks) is None
    await other.close()
    again = await running(store.tasks)
    assert (again.task.id, again.task.state.progress, again.task.crashes) == (task.id, {"n": 1}, 1)


async def test_tasks_are_written_on_a_full_disk(store: EmbeddedStore) -> None:
    """They are what clears queues and repositories."""
    store._reserve.release()
    with pytest.raises(StorageFull):
        await store.users.add(Username.parse("bob@example.org"), "secret")
    task = a_task()
    await store.tasks.add(task)
    claim = await running(store.tasks)
    await store.tasks.save(claim.lease, state({"n": 1}), until=START + 1)
    await store.tasks.end(claim.lease, TaskEnd(TaskStatus.COMPLETED, START, state()))
