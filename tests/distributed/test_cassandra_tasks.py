"""The task store in Cassandra keeps to the contract, and finishes what a dead node began."""

import pytest

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.cassandra.task_history import TaskHistory
from compostela.adapters.cassandra.tasks import CassandraTasks
from compostela.base.errors import TemporaryFailure
from compostela.core.tasks.model import TaskEnd, TaskQuery, TaskStatus
from compostela.core.tasks.ports import TaskStore
from compostela.testing.clock import START
from tests.contracts.distance import Faulty
from tests.contracts.tasks import TaskStoreContract, a_task, running, state

POLL_SECONDS = 0.05


class TestCassandraTasks(TaskStoreContract):
    @pytest.fixture
    def tasks(self, session: CassandraSession) -> TaskStore:
        return CassandraTasks(session, POLL_SECONDS)

    @pytest.fixture
    def tasks_elsewhere(self, session_elsewhere: CassandraSession) -> TaskStore:
        return CassandraTasks(session_elsewhere, POLL_SECONDS)


async def test_a_task_whose_end_was_not_filed_is_found_and_filed_by_the_next(
    session: CassandraSession, session_elsewhere: CassandraSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = CassandraTasks(session), CassandraTasks(session_elsewhere)
    task = a_task()
    await here.add(task)
    claim = await running(here)

    async def die(self: TaskHistory, task: object) -> None:
        raise TemporaryFailure("the node dies")

    with monkeypatch.context() as patched:
        patched.setattr(TaskHistory, "add", die)
        with pytest.raises(TemporaryFailure):
            await here.end(claim.lease, TaskEnd(TaskStatus.COMPLETED, START + 1, state()))
    record = await there.find(task.id)
    assert record is not None
    assert record.status is TaskStatus.COMPLETED
    assert [one.id for one in await there.page(TaskQuery(), offset=0, limit=10)] == [task.id]
    assert not await there.add(task)
    assert await there.remove_ended(START + 2, 10) == 1
    assert await there.find(task.id) is None


async def test_a_removed_task_may_come_again_under_its_id(session: CassandraSession) -> None:
    tasks, task = CassandraTasks(session), a_task()
    for _ in range(2):
        assert await tasks.add(task)
        claim = await running(tasks)
        await tasks.end(claim.lease, TaskEnd(TaskStatus.COMPLETED, START + 1, state()))
        assert await tasks.find(task.id) is not None
        assert await tasks.remove_ended(START + 2, 10) == 1


async def test_a_call_with_an_unknown_outcome_may_be_repeated(session: CassandraSession, faulty: Faulty) -> None:
    tasks, task = CassandraTasks(session), a_task()
    with faulty.drops_answers(), pytest.raises(TemporaryFailure):
        await tasks.add(task)
    assert not await tasks.add(task)
    claim = await running(tasks)
    with faulty.drops_answers(), pytest.raises(TemporaryFailure):
        await tasks.save(claim.lease, state({"n": 1}), until=START + 100)
    assert not await tasks.save(claim.lease, state({"n": 1}), until=START + 100)
    assert len(await tasks.page(TaskQuery(), offset=0, limit=10)) == 1
