"""A long queue to many destinations, one of which is dead:

    python -m bench.queued --mails 100000 --destinations 1000

The outgoing queue is filled, and the store opened anew; then RemoteDelivery's workers empty it into a sink. DNS is left out: each
destination has one next hop. Told as JSON: seconds until the first mail after the start, seconds until all mails but those of the
dead destination are gone, the largest pause between two of them, and memory."""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.sink import Sink, running_sink, silent_server
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.settings import Node, Place, Problems, Settings
from compostela.core.blob.model import MemoryBody, MessageContent
from compostela.core.mail.model import Mail
from compostela.core.outbound.ports import Refusal
from compostela.model.domain import Domain
from compostela.model.mail_address import MailAddress
from compostela.processing.remote_delivery.deliverer import Deliverer
from compostela.processing.remote_delivery.next_hops import Hop
from compostela.processing.remote_delivery.settings import read_remote_delivery_settings
from compostela.processing.workers import QueueWorkers
from compostela.testing.pipeline import server_context

WORKERS = 20
FILLED_AT_ONCE = 2000
DEAD = "d0.example"
STEP_SECONDS = 0.01
LIMIT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, mails a second, MiB."""

    fill_seconds: float
    open_seconds: float
    """Opening the store with the queue in it."""
    first_seconds: float
    """From the start of the workers to the first mail that has gone."""
    drain_seconds: float
    rate: float
    longest_pause_seconds: float
    memory_mib: float
    left: int
    """Mails in the queue at the end: those of the dead destination."""


class Routes:
    """One next hop for each destination. Takes the place of the look-up in DNS."""

    def __init__(self, live: int, dead: int) -> None:
        self._live = live
        self._dead = dead

    async def find(self, domain: Domain) -> list[Hop] | Refusal:
        """Always an address."""
        return [Hop("127.0.0.1", self._dead if domain.name == DEAD else self._live)]


def _mail(number: int, destinations: int) -> Mail:
    body = MemoryBody(b"x" * 998 + b"\r\n")
    return Mail(
        name=f"Mail{number}-queued",
        sender=MailAddress.parse("sender@bench.example"),
        recipients=[MailAddress.parse(f"user{number}@d{number % destinations}.example")],
        content=MessageContent(b"Subject: queued\r\n\r\n", body),
    )


async def measure(folder: Path, mails: int, destinations: int, sink: Sink, dead: int) -> Figures:
    """The whole experiment."""
    data = folder / "data"
    store = await EmbeddedStore.open(data)
    queue = store.queues.queue("outgoing")
    began = time.perf_counter()
    for start in range(0, mails, FILLED_AT_ONCE):
        await asyncio.gather(
            *(queue.enqueue(_mail(number, destinations)) for number in range(start, min(mails, start + FILLED_AT_ONCE)))
        )
    filled = time.perf_counter() - began
    await store.close()
    began = time.perf_counter()
    async with server_context(folder) as context:
        opened = time.perf_counter() - began
        settings = read_remote_delivery_settings(Settings(Node("mailet", Place("")), Problems()), "bench.example")
        deliverer = Deliverer(settings, context, Routes(sink.port, dead), WORKERS)
        outgoing = context.queues.queue("outgoing")
        workers = QueueWorkers("bench", WORKERS, outgoing, deliverer.deliver, drain_seconds=0.0)
        wanted = mails - len(range(0, mails, destinations))
        began = last_at = time.perf_counter()
        workers.start()
        first = longest = 0.0
        last = 0
        while (taken := sink.taken) < wanted and time.perf_counter() - began < LIMIT_SECONDS:
            now = time.perf_counter()
            if taken != last:
                first = first or now - began
                longest = max(longest, now - last_at if last else 0.0)
                last, last_at = taken, now
            await asyncio.sleep(STEP_SECONDS)
        drained = time.perf_counter() - began
        await workers.stop()
        left = await outgoing.size()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Figures(filled, opened, first, drained, sink.taken / drained, longest, memory, left)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.queued", description=__doc__)
    parser.add_argument("--mails", type=int, default=100_000)
    parser.add_argument("--destinations", type=int, default=1000)
    options = parser.parse_args()
    with running_sink() as sink, silent_server() as dead, tempfile.TemporaryDirectory() as folder:
        figures = uvloop.run(measure(Path(folder), options.mails, options.destinations, sink, dead))
    print(json.dumps(asdict(figures), indent=1))
    sys.exit(0)


if __name__ == "__main__":
    main()
