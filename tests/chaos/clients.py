"""What all clients share: how they speak of failures, and that they come again."""

import asyncio
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.chaos.cluster import Node
from tests.chaos.ledger import Ledger
from tests.consistency.responses import Broken

PAUSE_SECONDS = 0.2
"""Between two attempts of a client whose server is away, and after a temporary error."""
PACE_SECONDS = 0.03
"""Between two commands: two cores bear some ten clients, two nodes and four engines."""
PATIENCE_SECONDS = 120.0
"""The longest that a client waits for an answer."""


class TryLater(Exception):
    """The server said that it cannot do it now."""


class Refused(Exception):
    """The server said that it will never do it."""


CONNECTION_ERRORS = (OSError, EOFError)


@dataclass
class Client(ABC):
    """One client of one node. `run` goes on until `is_stopping` is set."""

    name: str
    node: Node
    ledger: Ledger
    dice: random.Random
    is_stopping: asyncio.Event
    steps: int = 0

    async def run(self) -> None:
        while not self.is_stopping.is_set():
            if not self.node.is_up:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            life = self.node.lives
            try:
                await self.session()
            except TryLater:
                self.ledger.temporary += 1
            except Refused as error:
                self.fault(str(error))
            except TimeoutError:
                self.fault(f"no answer in {PATIENCE_SECONDS:.0f} s")
            except (*CONNECTION_ERRORS, Broken) as error:
                if self.node.lives == life:
                    self.fault(f"the session broke although {self.node} was up: {error!r}")
            await asyncio.sleep(PAUSE_SECONDS)

    @abstractmethod
    async def session(self) -> None:
        """Use one connection until it ends. Raises the errors that `run` handles."""

    async def repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        """The steps of one connection, which is used further after a temporary error."""
        while not self.is_stopping.is_set():
            try:
                await step()
            except TryLater:
                self.ledger.temporary += 1
                await asyncio.sleep(PAUSE_SECONDS)
            self.steps += 1
            await asyncio.sleep(self.dice.uniform(0, 2 * PACE_SECONDS))

    def fault(self, text: str) -> None:
        self.ledger.faults.append(f"{self.name}: {text}")


async def patiently(step: Callable[[], Awaitable[None]]) -> None:
    """A step that may be repeated, until it succeeds. Raises `TryLater` if it does not for long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return await step()
        except TryLater:
            if time.monotonic() > end:
                raise
            await asyncio.sleep(PAUSE_SECONDS)
