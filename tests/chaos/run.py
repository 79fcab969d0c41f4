"""Runs two nodes under load while engines and nodes fail, and judges what the clients were told.

    python -m tests.chaos.run --seconds 120 --seed 7 [--replicas 3]

It starts engines of its own (`dev/engines install` must have been run once) on ports of their own, and ends them. What is drawn
from the seed is what clients do and which disturbances come in which order; when a command meets one is up to the machine. In the end:

- every acknowledged message is there exactly once, with its octets and the keywords that it was given; none that was expunged has come back;
- both nodes show the same UIDs, ModSeqs, flags and counts;
- clients were told of temporary errors only, and a session broke only if its node was killed;
- James's consistency tasks find nothing to mend, and the counters that they count anew stay as they were;
- the log of each mailbox, carried out again from its first change, gives what the mailbox has;
- while one of three replicas of Cassandra was dead, messages were acknowledged;
- the queues are empty, nothing was set aside, all health checks are healthy, IDLE hears of changes on the other node: without an operator.
"""

import argparse
import asyncio
import contextlib
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.chaos.clients import Client, patiently
from tests.chaos.cluster import Node
from tests.chaos.consistency import inconsistencies
from tests.chaos.disturbances import Disturbances
from tests.chaos.engines import Engines
from tests.chaos.imap_clients import PASSWORD, Idler, Worker, logged_in, ok
from tests.chaos.ledger import Ledger
from tests.chaos.smtp_clients import Sender
from tests.chaos.verdict import accounts, differences, drained, hears, judged, parked, pictures, unhealthy
from tests.chaos.web_clients import Administrator, ask, web
from tests.consistency.session import Known

USERS = ("ann@example.org", "ben@example.org")
SENDERS_OF_A_NODE = 2
LAST_COMMANDS_SECONDS = 180.0
END_SECONDS = 10.0
_KEYWORDS = ("$One", "$Two")


@dataclass
class Report:
    """What became of a run."""

    seed: int
    disturbances: list[str] = field(default_factory=list)
    acknowledged: int = 0
    steps: int = 0
    temporary: int = 0
    kills: int = 0
    drain_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {len(self.disturbances)} disturbances, {self.kills} kills, {self.steps} client steps, {self.acknowledged} messages "
            f"acknowledged, {self.temporary} temporary errors, drained in {self.drain_seconds:.1f} s; {len(self.faults)} faults"
        )


class Run:
    """One experiment in a folder."""

    def __init__(self, seed: int, folder: Path, replicas: int = 1) -> None:
        self.engines = Engines(folder / "engines", replicas)
        self.nodes = [Node(number, folder, replicas) for number in (1, 2)]
        self.ledger = Ledger()
        self.report = Report(seed)
        self._seed = seed
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {text}", flush=True)

    async def play(self, seconds: float) -> Report:
        try:
            await self._prepare()
            clients = await self._disturbed(seconds)
            self.report.steps = sum(client.steps for client in clients)
            self.report.kills = sum(node.kills for node in self.nodes)
            await self._judge()
        finally:
            for node in self.nodes:
                node.end()
            await self.engines.stop()
        return self.report

    async def _prepare(self) -> None:
        self.say("starting engines and nodes")
        await self.engines.start()
        self.engines.make_bucket()
        await asyncio.gather(*(node.start() for node in self.nodes))
        # tables that were made a moment ago may answer late
        for user in USERS:
            await patiently(partial(self._make_user, user))
        for user in USERS:
            await patiently(partial(self._make_mailbox, user))

    async def _make_user(self, user: str) -> None:
        async with web(self.nodes[0].server.web) as http:
            await ask(http, "PUT", f"/users/{user}?force", {"password": PASSWORD})

    async def _make_mailbox(self, user: str) -> None:
        """Archive is made at the first login."""
        async with logged_in(self.nodes[1], user, Known()) as session:
            if not (await ok(session, 'LIST "" Work')).untagged:
                await ok(session, "CREATE Work")

    def _clients(self, is_stopping: asyncio.Event) -> list[Client]:
        clients: list[Client] = []
        known = {user: Known() for user in USERS}
        for node in self.nodes:
            shared = (node, self.ledger)

            def dice(name: str) -> random.Random:
                return random.Random(f"{self._seed}/{name}")

            for number in range(SENDERS_OF_A_NODE):
                name = f"sender {node.number}.{number}"
                clients.append(Sender(name, *shared, dice(name), is_stopping, users=USERS))
            for user in USERS:
                name = f"worker {node.number} of {user}"
                keyword = _KEYWORDS[node.number - 1]
                clients.append(
                    Worker(name, *shared, dice(name), is_stopping, user=user, known=known[user], keyword=keyword)
                )
            name = f"idler {node.number}"
            clients.append(Idler(name, *shared, dice(name), is_stopping, user=USERS[0], known=known[USERS[0]]))
            name = f"administrator{node.number}"
            clients.append(Administrator(name, *shared, dice(name), is_stopping))
        return clients

    async def _disturbed(self, seconds: float) -> list[Client]:
        """The clients, when they have ended."""
        is_stopping = asyncio.Event()
        clients = self._clients(is_stopping)
        disturbances = Disturbances(self.nodes, self.engines, random.Random(self._seed), self.say, self.ledger)
        self.say("load and disturbances")
        running = [asyncio.create_task(client.run(), name=client.name) for client in clients]
        try:
            await disturbances.run(seconds)
            is_stopping.set()
            self.say("all is back; the clients end")
            _, late = await asyncio.wait(running, timeout=LAST_COMMANDS_SECONDS)
            self.ledger.faults += [f"{task.get_name()} does not end" for task in late]
        finally:
            is_stopping.set()
            for task in running:
                task.cancel()
            ended, _ = await asyncio.wait(running, timeout=END_SECONDS)
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise RuntimeError(f"{task.get_name()} failed") from error
        self.report.disturbances = disturbances.done
        return clients

    async def _judge(self) -> None:
        faults = self.report.faults
        began = time.monotonic()
        faults += [f"not drained: {left}" for left in await drained(self.nodes, self.ledger)]
        self.report.drain_seconds = time.monotonic() - began
        self.say("drained; both nodes are asked")
        faults += await unhealthy(self.nodes)
        faults += [f"set aside: {mail}" for mail in await parked(self.nodes[0])]
        shown = [{user: await pictures(node, user) for user in USERS} for node in self.nodes]
        for user in USERS:
            faults += differences(user, shown[0][user], shown[1][user])
        faults += judged(self.ledger, shown[0])
        self.say("the consistency tasks run")
        faults += await inconsistencies(self.nodes[0], len(self.engines.replicas))
        for user in USERS:
            # counted anew, all is as it was
            faults += differences(user, shown[0][user], await pictures(self.nodes[1], user))
        faults += await accounts(self.nodes, self.ledger)
        for listening, changing in (self.nodes, self.nodes[::-1]):
            fault = await hears(listening, changing, USERS[0])
            faults += [fault] if fault else []
        faults += self.ledger.faults
        self.report.acknowledged, self.report.temporary = self.ledger.acknowledged, self.ledger.temporary


def run(seconds: float, seed: int, folder: Path, replicas: int = 1) -> Report:
    return asyncio.run(Run(seed, folder, replicas).play(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0, help="of disturbances; what begins in time ends later")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**31))
    parser.add_argument(
        "--replicas", type=int, choices=(1, 3), default=1, help="nodes of Cassandra; of three, one at a time fails"
    )
    options = parser.parse_args()
    print(f"seed {options.seed}")
    # as Ctrl-C does: nodes and engines are ended
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    folder = Path(tempfile.mkdtemp(prefix="compostela-chaos-"))
    report = run(options.seconds, options.seed, folder, options.replicas)
    print(report)
    for fault in report.faults[:50]:
        print(f"  {fault}")
    if report.faults:
        print(f"logs and data are kept: {folder}")
    else:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
    sys.exit(1 if report.faults else 0)


if __name__ == "__main__":
    main()
