"""Tasks begin by themselves, once, however many processes look."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.configuration.files import Reader
from compostela.base.clock import as_datetime
from compostela.base.errors import InvalidArgument
from compostela.base.settings import Place, Problems, Settings
from compostela.core.tasks.model import Json, TaskQuery
from compostela.core.tasks.schedule import ScheduledTask, Scheduler
from compostela.core.tasks.settings import read_task_run_settings
from compostela.core.tasks.worker import WorkerSettings
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.unit.core.tasks.runners import Scripted, Step, nothing, tasks_of

PLACE = Place("tasks.properties", 1)
NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path)
    yield store
    await store.close()


def line(text: str) -> ScheduledTask:
    return ScheduledTask.parse(text, PLACE)


async def test_a_due_task_is_submitted_once_by_all_processes(store: EmbeddedStore) -> None:
    clock = FakeClock(NOON.timestamp())
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    lines = [line('*/10 * * * * scripted {"name": "ten", "count": 3}'), line("0 3 * * * scripted")]
    schedulers = [Scheduler(tasks, lines, clock) for _ in range(3)]
    since = as_datetime(clock.now())
    clock.advance(599)
    for scheduler in schedulers:
        await scheduler.submit_due(since)
    assert await tasks.waiting() == 0
    clock.advance(2)
    for scheduler in schedulers:
        # one of them starts again within the minute, and looks at the same span
        await scheduler.submit_due(since)
        await scheduler.submit_due(since)
    (task,) = await tasks.page(TaskQuery(), offset=0, limit=10)
    assert (task.type, task.arguments) == ("scripted", {"name": "ten", "count": 3})


async def test_times_that_were_missed_are_made_up_for_once(store: EmbeddedStore) -> None:
    clock = FakeClock(NOON.timestamp())
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    scheduler = Scheduler(tasks, [line("* * * * * scripted")], clock)
    since = as_datetime(clock.now())
    clock.advance(86400)
    assert await scheduler.submit_due(since) == as_datetime(clock.now())
    assert await tasks.waiting() == 1


async def test_a_time_that_a_process_did_not_live_to_see_is_seen_by_the_next_one(store: EmbeddedStore) -> None:
    clock = FakeClock(NOON.timestamp() + 3)
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    looks = iter([True])

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)
        if not next(looks, False):
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await Scheduler(tasks, [line("0 12 * * * scripted")], clock, sleep).run()
    assert await tasks.waiting() == 1


async def test_a_line_that_is_slower_than_its_times_makes_no_heap(store: EmbeddedStore) -> None:
    clock = FakeClock(NOON.timestamp())
    tasks = tasks_of(store.tasks, clock, Scripted(nothing))
    scheduler = Scheduler(tasks, [line("* * * * * scripted"), line('* * * * * scripted {"name": "b"}')], clock)
    since = as_datetime(clock.now())
    for _ in range(5):
        clock.advance(60)
        since = await scheduler.submit_due(since)
    assert await tasks.waiting() == 2


@pytest.mark.parametrize(
    "text",
    [
        "", "* * * *", "* * * * *", "61 * * * * scripted", "* * 31 2 * scripted", "@daily scripted x x x x",
        "* * * * * scripted [1]", "* * * * * scripted {", "* * * * mondy scripted",
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        line(text)


def _settings(text: str, problems: Problems) -> Settings:
    node = Reader(problems).parse("tasks.properties", text.encode())
    assert node is not None
    return Settings(node, problems)


def test_the_file_is_read_and_mistakes_are_named_with_their_lines() -> None:
    problems = Problems()
    read = read_task_run_settings(
        _settings(
            "concurrency = 2\nlimits = reprocessing-all: 3, clear-mail-queue: 0\nkept = 7 days\n"
            'schedule = 0 3 * * 1 tasks-cleanup {"before": 0}\nschedule = 0 4 1,15 * * reprocessing-all {"path": "x"}\n',
            problems,
        )
    )
    assert not problems.found
    assert read.worker == WorkerSettings(2, {"reprocessing-all": 3, "clear-mail-queue": 0}, 7 * 86400)
    assert [(one.cron, one.name, one.place.line) for one in read.schedule] == [
        ("0 3 * * 1", "tasks-cleanup", 4),
        ("0 4 1,15 * *", "reprocessing-all", 5),
    ]
    read_task_run_settings(_settings("concurrency = 0\nlimits = a\nschedule = x\nkep = 1 day\n", problems))
    assert [str(one.place) for one in problems.found] == [f"tasks.properties:{number}" for number in (1, 2, 3, 4)]


def test_without_the_file_there_are_defaults() -> None:
    problems = Problems()
    read = read_task_run_settings(_settings("", problems))
    assert (read.worker, list(read.schedule), problems.found) == (WorkerSettings(), [], [])


class Unspeakable(Scripted):
    name = "unspeakable"

    async def describe(self, arguments: Step) -> Json:
        raise RuntimeError(arguments.name)


async def test_a_type_that_cannot_describe_itself_stops_no_other_line(store: EmbeddedStore) -> None:
    """An operator's own type may raise anything."""
    clock = FakeClock(NOON.timestamp())
    tasks = tasks_of(store.tasks, clock, Unspeakable(nothing), Scripted(nothing))
    scheduler = Scheduler(tasks, [line("* * * * * unspeakable"), line("* * * * * scripted")], clock)
    since = as_datetime(clock.now())
    clock.advance(60)
    await scheduler.submit_due(since)
    assert [task.type for task in await tasks.page(TaskQuery(), offset=0, limit=10)] == ["scripted"]
