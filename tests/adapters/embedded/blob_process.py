"""A process of its own that saves, deletes and collects blobs: `python -m … FOLDER NOTES`. It writes what it did into the file
NOTES, says `ready` once a collection runs, and goes on until it is killed."""

import asyncio
import random
import sys
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import SystemClock
from compostela.core.blob.model import Body, MemoryBody
from compostela.core.blob.references import CollectedPart, Referrer
from compostela.core.blob.tasks import CollectBlobs, CollectBlobsTask
from compostela.core.tasks.registry import TaskTypes
from compostela.core.tasks.service import Tasks
from compostela.model.numbers import BlobId
from tests.contracts.blobs import octets, spilled
from tests.unit.core.tasks.runners import worker_of

KEYS = 30
LARGE_BYTES = 300_000


class Hasty:
    """A collector that lets nothing wait for its readers."""

    def __init__(self, store: EmbeddedStore) -> None:
        self._collector = store.blob_garbage

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        return await self._collector.collect(position, limit, unreferenced_seconds=0.0)


def tasks_of(store: EmbeddedStore) -> Tasks:
    return Tasks(store.tasks, TaskTypes([CollectBlobsTask(Hasty(store))]), SystemClock(), "host1")


def data_of(key: int) -> bytes:
    """Large ones and small ones; three referrers have the same octets."""
    same = key % (KEYS // 3)
    return octets(LARGE_BYTES + same if same % 2 else 1000 + same)


async def body_of(store: EmbeddedStore, key: int) -> Body:
    data = data_of(key)
    return MemoryBody(data) if len(data) < LARGE_BYTES else await spilled(store.blobs, data)


async def change(store: EmbeddedStore, notes: Path, chance: random.Random, held: dict[int, BlobId]) -> None:
    key = chance.randrange(KEYS)
    referrer = Referrer("test", str(key))
    with notes.open("a") as file:
        if key in held:
            file.write(f"deleting {key} -\n")
            file.flush()
            await store.blobs_by_id.delete(held.pop(key), referrer)
        else:
            held[key] = await store.blobs_by_id.save(await body_of(store, key), referrer)
            file.write(f"saved {key} {held[key]}\n")


async def collect(tasks: Tasks) -> None:
    while True:
        task = await tasks.submit(CollectBlobsTask.name, CollectBlobs(deletion_window=2))
        await tasks.wait(task, 60.0)


async def main(folder: Path, notes: Path) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    held = {int(one.referrer.key): one.blob for one in await store.blobs_by_id.list("test", after=None, limit=1000)}
    tasks = tasks_of(store)
    async with worker_of(tasks, SystemClock()):
        collecting = asyncio.create_task(collect(tasks))
        chance = random.Random()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not collecting.done():
            await change(store, notes, chance, held)
    await collecting


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
