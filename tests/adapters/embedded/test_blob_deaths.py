"""Blobs when the process that saves, deletes and collects them dies: none is lost and none stays for ever."""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.base.errors import TemporaryFailure
from compostela.core.blob.references import Referrer
from compostela.core.blob.tasks import CollectBlobs, CollectBlobsTask
from compostela.core.tasks.model import TaskStatus
from compostela.model.numbers import BlobId
from tests.adapters.embedded.blob_process import LARGE_BYTES, data_of, tasks_of
from tests.contracts.blobs import octets, spilled
from tests.unit.core.tasks.runners import worker_of

ROOT = Path(__file__).parents[3]
KILLS = 5
KEPT = 20


async def killed_process(folder: Path, notes: Path, seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.adapters.embedded.blob_process", str(folder), str(notes)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    # at any moment: what matters is where in its work it dies
    await asyncio.sleep(seconds)
    assert process.returncode is None, "it died by itself"
    process.kill()
    await process.wait()


def files_in(folder: Path) -> int:
    return len(list((folder / "blobs").glob("*/*")))


async def run_collection(store: EmbeddedStore) -> TaskStatus:
    tasks = tasks_of(store)
    async with worker_of(tasks, SystemClock()):
        return (await tasks.wait(await tasks.submit(CollectBlobsTask.name, CollectBlobs()), 60.0)).status


def still_saved(notes: Path) -> dict[int, BlobId]:
    """By key what was saved, and whose deletion never began."""
    held: dict[int, BlobId] = {}
    for line in notes.read_text().splitlines():
        did, key, blob = line.split()
        if did == "saved":
            held[int(key)] = BlobId(blob)
        else:
            held.pop(int(key), None)
    return held


@pytest.mark.slow
async def test_kills_lose_no_blob_and_leave_none_for_ever(tmp_path: Path) -> None:
    folder, notes = tmp_path / "data", tmp_path / "notes"
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    kept = Referrer("kept", "1")
    # many known files: the sweep of those of killed processes does not take the database for a wrong one
    large = [octets(LARGE_BYTES + 1000 + number) for number in range(KEPT)]
    ids = [await store.blobs_by_id.save(await spilled(store.blobs, data), kept) for data in large]
    await store.close()
    chance = random.Random(11)
    for _ in range(KILLS):
        await killed_process(folder, notes, chance.uniform(0.1, 1.0))
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    assert await run_collection(store) is TaskStatus.COMPLETED
    assert await tasks_of(store).open(CollectBlobsTask.name) == []
    await store.blob_garbage.sweep(grace_seconds=-1)
    for data, blob in zip(large, ids, strict=True):
        assert await (await store.blobs_by_id.open(blob)).read() == data
    held = still_saved(notes)
    assert held, "nothing was saved"
    for key, blob in held.items():
        assert await (await store.blobs_by_id.open(blob)).read() == data_of(key)
    for kind in ("test", "kept"):
        for one in await store.blobs_by_id.list(kind, after=None, limit=1000):
            await store.blobs_by_id.delete(one.blob, one.referrer)
    for _ in range(2):
        assert await run_collection(store) is TaskStatus.COMPLETED
    assert store._reader.execute("SELECT count(*) FROM blob").fetchone() == (0,)
    assert store._reader.execute("SELECT count(*) FROM blob_suspect").fetchone() == (0,)
    assert files_in(folder) == 0
    await store.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    store = await EmbeddedStore.open(tmp_path)
    yield store
    await store.close()


async def test_a_restart_between_two_collections_postpones_nothing(tmp_path: Path) -> None:
    store = await EmbeddedStore.open(tmp_path)
    blob = await store.blobs_by_id.save(await spilled(store.blobs, octets(LARGE_BYTES)), Referrer("test", "1"))
    await store.blobs_by_id.delete(blob, Referrer("test", "1"))
    for removed in (0, 1):
        assert await store.collect_garbage() == removed
        await store.close()
        store = await EmbeddedStore.open(tmp_path)
    assert files_in(tmp_path) == 0
    await store.close()


async def test_an_opened_file_that_was_collected_is_not_named_again(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its row is gone and its file about to go: a row that names it would be a lost blob."""
    blob = await store.blobs_by_id.save(await spilled(store.blobs, octets(LARGE_BYTES)), Referrer("test", "1"))
    opened = await (await store.blobs_by_id.open(blob)).opened()
    await store.blobs_by_id.delete(blob, Referrer("test", "1"))
    # the moment before the file goes
    monkeypatch.setattr(store.blob_garbage, "_unlink", lambda files: 0)
    for _ in range(2):
        await store.collect_garbage()
    assert files_in(tmp_path) == 1
    with pytest.raises(Exception, match="gone from the store"):
        await store.blobs_by_id.save(opened, Referrer("test", "2"))
    assert await opened.read() == octets(LARGE_BYTES)


async def test_a_saved_file_that_was_collected_is_not_named_again(
    store: EmbeddedStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for a body that the caller has had since it came in."""
    body, referrer = await spilled(store.blobs, octets(LARGE_BYTES)), Referrer("test", "1")
    await store.blobs_by_id.delete(await store.blobs_by_id.save(body, referrer), referrer)
    monkeypatch.setattr(store.blob_garbage, "_unlink", lambda files: 0)
    for _ in range(2):
        await store.collect_garbage()
    assert files_in(tmp_path) == 1
    with pytest.raises(TemporaryFailure, match="gone from the store"):
        await store.blobs_by_id.save(body, referrer)


async def test_a_body_that_comes_while_its_file_is_swept_is_stored_or_refused(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clock that jumps makes a file old that is on its way in. It is judged and goes in one step."""
    body, referrer = await spilled(store.blobs, octets(LARGE_BYTES)), Referrer("test", "1")
    kept = [await store.blobs_by_id.save(await spilled(store.blobs, octets(LARGE_BYTES + n)), referrer) for n in (1, 2)]
    assert len(kept) == 2
    run, saves = store._writer.run, []

    async def run_and_save(job: Any, **options: Any) -> Any:
        result = await run(job, **options)
        if options.get("is_long") and not saves:
            saves.append(None)
            with contextlib.suppress(TemporaryFailure):
                saves.append(await store.blobs_by_id.save(body, referrer))
        return result

    monkeypatch.setattr(store._writer, "run", run_and_save)
    await store.blob_garbage.sweep(grace_seconds=-1)
    assert saves, "nothing was swept"
    for blob in saves[1:]:
        assert await (await store.blobs_by_id.open(blob)).read() == octets(LARGE_BYTES)


async def test_files_of_a_killed_process_go_though_the_database_knows_few_others(tmp_path: Path) -> None:
    """Bodies on their way in, and one whose row was just removed. They make no database doubtful."""
    store = await EmbeddedStore.open(tmp_path, reserve_bytes=0)
    known = await store.blobs_by_id.save(await spilled(store.blobs, octets(LARGE_BYTES)), Referrer("test", "1"))
    gone = await store.blobs_by_id.save(await spilled(store.blobs, octets(LARGE_BYTES + 1)), Referrer("test", "2"))
    await store.blobs_by_id.delete(gone, Referrer("test", "2"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.blob_garbage, "_unlink", lambda files: 0)
        for _ in range(2):
            await store.collect_garbage()
    arriving = [await spilled(store.blobs, octets(LARGE_BYTES + 2 + number)) for number in range(5)]
    assert files_in(tmp_path) == 7
    await store.blob_garbage.sweep(grace_seconds=-1)
    assert store.blob_garbage.withheld is None
    assert files_in(tmp_path) == 1
    assert await (await store.blobs_by_id.open(known)).read() == octets(LARGE_BYTES)
    del arriving
    await store.close()
