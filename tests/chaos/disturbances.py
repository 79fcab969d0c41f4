"""What goes wrong in a run: drawn from a seed, one after the other; each one ends with all processes at work again."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from functools import partial

from tests.chaos.cluster import Node
from tests.chaos.engines import Engines
from tests.chaos.ledger import Ledger

SKEW_SECONDS = 3600.0
LONG_SECONDS = 20.0
"""How long Cassandra is away."""
SHORT_SECONDS = 8.0
"""How long the others are."""
CALM_SECONDS = (1.0, 4.0)
SLOW_STOP_SECONDS = 0.3
SLOW_GO_SECONDS = 0.1
Act = Callable[[], Awaitable[None]]


class Disturbances:
    """Each kind comes once in an order that is drawn, then others are drawn until the time is over."""

    def __init__(
        self, nodes: list[Node], engines: Engines, dice: random.Random, say: Callable[[str], None], ledger: Ledger
    ) -> None:
        self._nodes = nodes
        self._engines = engines
        self._dice = dice
        self._say = say
        self._ledger = ledger
        self.done: list[str] = []

    async def run(self, seconds: float) -> None:
        """Ends with the first act that ends after so many seconds."""
        acts: list[tuple[str, Act]] = [
            *(self._of_replicas() if len(self._engines.replicas) > 1 else self._of_one()),
            ("RabbitMQ starts again without its data", self._wiped),
            ("a node is killed", self._killed),
            ("a node comes back with another clock", self._skewed),
            ("S3 is frozen", lambda: self._frozen("seaweedfs", SHORT_SECONDS)),
            ("S3 is slow", lambda: self._slow("seaweedfs", SHORT_SECONDS)),
            ("Redis is frozen", lambda: self._frozen("redis", SHORT_SECONDS)),
            ("Redis loses its data", lambda: self._away("redis", 1.0)),
        ]  # fmt: skip
        first = self._dice.sample(acts, len(acts))
        end = time.monotonic() + seconds
        while True:
            await asyncio.sleep(self._dice.uniform(*CALM_SECONDS))
            if time.monotonic() >= end:
                return
            name, act = first.pop() if first else self._dice.choice(acts)
            self._say(name)
            self.done.append(name)
            await act()

    def _of_one(self) -> list[tuple[str, Act]]:
        return [
            ("Cassandra is frozen", lambda: self._frozen("cassandra", LONG_SECONDS)),
            ("Cassandra is stopped", lambda: self._away("cassandra", LONG_SECONDS)),
            ("a node is killed while Cassandra is frozen", lambda: self._killed_in_ice("cassandra")),
        ]

    def _of_replicas(self) -> list[tuple[str, Act]]:
        """Each is killed once: what was written while one was dead is read while another one is."""
        kills: list[tuple[str, Act]] = [
            (f"{one} is killed", partial(self._replica_killed, one)) for one in self._engines.replicas
        ]
        one = self._dice.choice(self._engines.replicas)
        return [
            *kills,
            (f"{one} is frozen", lambda: self._frozen(one, LONG_SECONDS)),
            (f"a node is killed while {one} is frozen", lambda: self._killed_in_ice(one)),
        ]

    async def _replica_killed(self, replica: str) -> None:
        """Service goes on without it, and while it comes back."""
        before = self._ledger.acknowledged
        self._engines.signal(replica, signal.SIGKILL)
        await asyncio.sleep(LONG_SECONDS)
        meanwhile = self._ledger.acknowledged - before
        self._say(f"{meanwhile} messages were acknowledged without {replica}")
        if not meanwhile:
            self._ledger.faults.append(f"no message was acknowledged for {LONG_SECONDS:.0f} s without {replica}")
        await self._engines.stop(replica)
        await self._engines.start(replica)

    async def _frozen(self, engine: str, seconds: float) -> None:
        self._engines.signal(engine, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._engines.signal(engine, signal.SIGCONT)

    async def _slow(self, engine: str, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            await self._frozen(engine, SLOW_STOP_SECONDS)
            await asyncio.sleep(SLOW_GO_SECONDS)

    async def _away(self, engine: str, seconds: float) -> None:
        await self._engines.stop(engine)
        await asyncio.sleep(seconds)
        await self._engines.start(engine)

    async def _wiped(self) -> None:
        self._engines.signal("rabbitmq", signal.SIGKILL)
        await self._engines.stop("rabbitmq")
        self._engines.wipe_rabbitmq()
        await self._engines.start("rabbitmq")

    async def _killed(self) -> None:
        node = self._dice.choice(self._nodes)
        await node.kill()
        await asyncio.sleep(self._dice.uniform(0.0, 5.0))
        await node.start(node.server.ahead_seconds)

    async def _skewed(self) -> None:
        """One node's clock is an hour off, or right again."""
        node = next((one for one in self._nodes if one.server.ahead_seconds), None) or self._dice.choice(self._nodes)
        await node.kill()
        await node.start(0.0 if node.server.ahead_seconds else self._dice.choice((-SKEW_SECONDS, SKEW_SECONDS)))

    async def _killed_in_ice(self, cassandra: str) -> None:
        node = self._dice.choice(self._nodes)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._frozen(cassandra, SHORT_SECONDS))
            await asyncio.sleep(self._dice.uniform(0.0, 3.0))
            await node.kill()
            group.create_task(node.start(node.server.ahead_seconds))
