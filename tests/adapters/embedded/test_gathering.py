"""Jobs that come in rounds of the event loop that follow each other share a commit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import writer as module
from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.writer import Writer

_INSERT = "INSERT INTO number VALUES (1)"


@pytest.fixture
def commits() -> list[int]:
    """The pages in the log after each commit."""
    return []


@pytest.fixture
async def writer(tmp_path: Path, commits: list[int], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Writer]:
    path = tmp_path / DATABASE_NAME
    connection = connect(path)
    connection.execute("CREATE TABLE number (value INTEGER)")
    connection.close()
    monkeypatch.setattr(module, "GATHER_SECONDS", 3600.0)  # however slow the machine is
    writer = Writer(path, Reserve(tmp_path / "reserve", 0), commits.append)
    yield writer
    await writer.close()


async def _write_in_rounds(writer: Writer, jobs: int, pause: int) -> None:
    """One job more after each `pause` rounds of the loop."""
    tasks = []
    for _ in range(jobs):
        tasks.append(asyncio.create_task(writer.execute(_INSERT)))
        for _ in range(pause):
            await asyncio.sleep(0)
    await asyncio.gather(*tasks)


async def test_a_job_in_each_round_makes_one_commit(writer: Writer, commits: list[int]) -> None:
    await _write_in_rounds(writer, 10, pause=1)
    assert len(commits) == 1


async def test_a_round_without_a_job_is_waited_for_where_several_write(writer: Writer, commits: list[int]) -> None:
    async def several() -> None:
        await asyncio.gather(writer.execute(_INSERT), writer.execute(_INSERT))

    first = asyncio.create_task(several())
    await asyncio.sleep(0)
    await asyncio.gather(first, _write_in_rounds(writer, 5, pause=2))
    assert len(commits) == 1


async def test_after_two_rounds_without_a_job_it_begins(writer: Writer, commits: list[int]) -> None:
    await _write_in_rounds(writer, 3, pause=50)
    assert len(commits) > 1


async def test_it_begins_when_many_wait(writer: Writer, commits: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GATHERED_JOBS", 5)
    await _write_in_rounds(writer, 20, pause=1)
    assert len(commits) > 1


async def test_it_begins_when_the_time_is_over(
    writer: Writer, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GATHER_SECONDS", -1.0)
    await _write_in_rounds(writer, 20, pause=1)
    assert len(commits) > 1
