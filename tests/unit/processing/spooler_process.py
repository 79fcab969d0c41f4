"""A server process with a spooler and nothing else: `python -m … FOLDER MODE`. It ends in order when its queue is empty.

MODE `killer`: processing the mail `killer` kills the process. MODE `<number>`: a mail to many recipients is handled with effects
that end in an order of their own, and the process kills itself after so many of them (0: not at all)."""

import asyncio
import os
import random
import signal
import sys
from pathlib import Path

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.concurrency import side_by_side
from compostela.core.mail.model import ERROR, GHOST, ROOT, Mail
from compostela.core.queue.ports import MailQueues
from compostela.core.repository.ports import RepositoryUrl
from compostela.processing.mailet import Mailet
from compostela.processing.pipeline_run import PipelineRun, part_name
from compostela.processing.processor import MailProcessors, Pair, Processor
from compostela.processing.spooler import Spooler

ERRORS = RepositoryUrl("embedded", "var/mail/error")
POLL_SECONDS = 0.02


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Killer(Mailet):
    """Sends neighbours on; dies of the mail `killer`."""

    def __init__(self, queues: MailQueues) -> None:
        self._queues = queues

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        if mail.name == "killer":
            die()
        await self._queues.queue("outgoing").enqueue(mail.copy(mail.name, mail.recipients), effect=run.effect("out"))
        mail.state = GHOST


class Shuffled(Mailet):
    """A mail of its own to each recipient, in an order that chance decides."""

    def __init__(self, queues: MailQueues, dies_after: int) -> None:
        self._queues = queues
        self._random = random.Random(dies_after)
        self._left = dies_after

    async def service(self, mail: Mail, run: PipelineRun) -> None:
        effects = [run.effect("out", recipient) for recipient in mail.recipients]
        recipients = list(zip(mail.recipients, effects, strict=True))
        self._random.shuffle(recipients)
        outgoing = self._queues.queue("outgoing")

        async def send(number: int) -> None:
            for _ in range(self._random.randrange(5)):
                await asyncio.sleep(0)
            recipient, effect = recipients[number]
            await outgoing.enqueue(mail.copy(part_name(mail, effect), [recipient]), effect=effect)
            self._left -= 1
            if not self._left:
                die()

        await side_by_side(range(len(recipients)), send)
        mail.state = GHOST


async def main(folder: Path, mode: str) -> None:
    store = await EmbeddedStore.open(folder, reserve_bytes=0)
    mailet = Killer(store.queues) if mode == "killer" else Shuffled(store.queues, int(mode))
    processors = MailProcessors([Processor(ROOT, (Pair(None, False, mailet),)), Processor(ERROR)])
    spool = store.queues.queue("spool")
    spooler = Spooler(spool, processors, store.repositories, ERRORS, workers=4)
    await spooler.start()
    while True:
        if not await spool.size():
            break
        await asyncio.sleep(POLL_SECONDS)
    await spooler.stop()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
