"""A process of its own that consumes a queue: `python -m … FOLDER`. It says of each mail that it has in work name, attempts and
deaths alone, and keeps it in work until it is killed, or until its standard input ends: then it stops in order."""

import asyncio
import sys
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.queue.ports import QueueItem
from compostela.processing.workers import QueueWorkers
from compostela.testing.clock import FakeClock

WORKERS = 3


async def main(folder: Path) -> None:
    store = await EmbeddedStore.open(folder, FakeClock(), reserve_bytes=0)

    async def process(item: QueueItem) -> None:
        sys.stdout.write(f"{item.mail.name} {item.attempts} {item.deaths_alone}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    workers = QueueWorkers("spool", WORKERS, store.queues.queue("spool"), process, drain_seconds=0.01)
    workers.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await workers.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
