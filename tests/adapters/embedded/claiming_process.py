"""A process of its own that enqueues mails and consumes the queue, and that claims the entries of others all the time:
`python -m … FOLDER NAME COUNT`. It says the name of each mail that it is handed, and ends when the queue is empty."""

import asyncio
import random
import sys
from pathlib import Path

from compostela.adapters.embedded import queues
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.queue.ports import MailQueue
from compostela.testing.mails import a_mail

CONSUMERS = 8
GREEDY_SECONDS = 0.001


async def main(folder: Path, name: str, count: int) -> None:
    queues.WAITED_SECONDS = -1.0
    queues.CLAIM_SECONDS = GREEDY_SECONDS
    queues.HELP_BATCH = 20
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    queue: MailQueue = store.queues.queue("spool")

    async def consume() -> None:
        while True:
            item = await queue.dequeue()
            sys.stdout.write(f"{item.mail.name}\n")
            for _ in range(random.randrange(20)):
                await asyncio.sleep(0)
            await item.done()

    async def enqueue(first: int) -> None:
        for number in range(first, count, 4):
            await queue.enqueue(a_mail(f"{name}{number}"))

    consumers = [asyncio.create_task(consume()) for _ in range(CONSUMERS)]
    await asyncio.gather(*(enqueue(first) for first in range(4)))
    while True:
        if not await queue.size():
            break
        await asyncio.sleep(GREEDY_SECONDS)
    for consumer in consumers:
        consumer.cancel()
    await asyncio.gather(*consumers, return_exceptions=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
