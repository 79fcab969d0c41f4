"""Where a writer commits: on its thread, or on the event loop while other processes wait for the lock and the disk is quick."""

import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.embedded import writer as module
from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.disk import Reserve
from compostela.adapters.embedded.write_lock import WriteLock
from compostela.adapters.embedded.writer import Writer

_INSERT = "INSERT INTO number VALUES (1)"


@pytest.fixture
def places() -> list[threading.Thread]:
    """The thread of each commit."""
    return []


@pytest.fixture
async def writer(
    tmp_path: Path, places: list[threading.Thread], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Writer]:
    path = tmp_path / DATABASE_NAME
    connection = connect(path)
    connection.execute("CREATE TABLE number (value INTEGER)")
    connection.close()
    writer = Writer(path, Reserve(tmp_path / "reserve", 0), lambda _: places.append(threading.current_thread()))
    monkeypatch.setattr(module, "QUICK_COMMIT_SECONDS", 60.0)  # any disk is quick
    yield writer
    await writer.close()


async def _meet_another(writer: Writer, folder: Path) -> None:
    """Writes once the lock, which another has, is given back."""
    lock = WriteLock(folder / DATABASE_NAME)
    lock.take()
    release = threading.Timer(0.1, lock.give_back)
    release.start()
    await writer.execute(_INSERT)
    release.join()
    lock.close()


def _count(folder: Path) -> int:
    connection = connect(folder / DATABASE_NAME, read_only=True)
    count = connection.execute("SELECT count(*) FROM number").fetchone()[0]
    connection.close()
    return int(count)


async def test_one_process_alone_commits_on_the_thread(writer: Writer, places: list[threading.Thread]) -> None:
    await writer.execute(_INSERT)
    assert [place.name for place in places] == ["writer"]


async def test_the_loop_commits_beside_other_writers(
    writer: Writer, places: list[threading.Thread], tmp_path: Path
) -> None:
    await _meet_another(writer, tmp_path)
    await writer.execute(_INSERT)
    assert places[-1] is threading.current_thread()
    assert _count(tmp_path) == 2


@pytest.mark.parametrize("bound", ["QUICK_COMMIT_SECONDS", "CONTENDED_SECONDS"], ids=["a slow disk", "nobody of late"])
async def test_the_thread_commits_with(
    bound: str, writer: Writer, places: list[threading.Thread], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, bound, 0.0)
    await _meet_another(writer, tmp_path)
    await writer.execute(_INSERT)
    assert {place.name for place in places} == {"writer"}


async def test_a_commit_that_fails_on_the_loop_is_done_again_on_the_thread(
    writer: Writer, places: list[threading.Thread], tmp_path: Path
) -> None:
    await _meet_another(writer, tmp_path)
    fails = iter([True])
    writer._connection.set_commit_hook(lambda: next(fails, False))
    await writer.execute(_INSERT)
    assert places[-1].name == "writer"
    assert _count(tmp_path) == 2
