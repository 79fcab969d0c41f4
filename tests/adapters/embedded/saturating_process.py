"""A process of its own that writes to a data folder as fast as it can: `python -m … FOLDER SECONDS CLIENTS`. It says `ready`, waits
for a line, writes, and says how many mails it made durable and how long the longest of them took, in milliseconds."""

import asyncio
import os
import sys
import time
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.testing.mails import a_mail

BODY_BYTES = 4096


async def main(folder: Path, seconds: float, clients: int) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    queue = store.queues.queue(f"queue{os.getpid()}")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    end = time.monotonic() + seconds
    longest, count = 0.0, 0

    async def client() -> None:
        nonlocal longest, count
        while (began := time.monotonic()) < end:
            # due in the future: the consumers' memory is not what is measured
            await queue.enqueue(a_mail(body=os.urandom(BODY_BYTES)), delay_seconds=3600)
            longest = max(longest, time.monotonic() - began)
            count += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    sys.stdout.write(f"{count} {longest * 1000:.1f}\n")
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
