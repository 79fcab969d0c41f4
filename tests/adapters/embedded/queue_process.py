"""A process of its own that opens a data folder: `python -m … FOLDER FIRST COUNT`. It enqueues mails and says the name of each
on a line once it is accepted, has one of them in work, has a delayed one, and waits to be killed."""

import asyncio
import sys
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.core.idempotency import Effect
from compostela.model.numbers import EffectKey
from compostela.testing.mails import a_mail


async def main(folder: Path, first: int, count: int) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    spool = store.queues.queue("spool")

    async def enqueue(number: int) -> None:
        await spool.enqueue(a_mail(f"mail{number}"), delay_seconds=3600 if number == first else 0)
        sys.stdout.write(f"mail{number}\n")

    await asyncio.gather(*(enqueue(number) for number in range(first, first + count)))
    item = await spool.dequeue()
    await store.queues.queue("outgoing").enqueue(a_mail("effect"), effect=Effect(item.entry, EffectKey("out")))
    sys.stdout.write(f"working on {item.mail.name} {item.entry}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
