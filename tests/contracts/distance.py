"""What the contracts say about a store that is far away, in the words of every edition.

A subclass of a contract gives some of these fixtures:

- `elsewhere`: the same store as another process or node has it. Its clock is `SKEW_SECONDS` ahead.
- `patience`: how many seconds without an event show that nothing comes. Embedded: 0, some rounds of the event loop.
- `settled`: waits until all that was enqueued is at hand on this node.
- `eventually`: waits until a condition holds, for as long as the edition may be stale. Embedded: it holds at once.
- `faulty`: faults of the way to the store; see `Faulty`.
- `held_writer`: another writer of the same store that can be stopped between taking up a write and publishing it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

SKEW_SECONDS = 3600.0
STEP_SECONDS = 0.01
ROUNDS = 20

Settled = Callable[[], Awaitable[None]]
Condition = Callable[[], Awaitable[bool]]


class Eventually(Protocol):
    """Fails when the condition does not hold within the edition's bound."""

    async def __call__(self, condition: Condition) -> None: ...


class Faulty(Protocol):
    """While a context is entered, each call that writes meets its fault."""

    def refuses(self) -> AbstractContextManager[None]:
        """Nothing is done, `TemporaryFailure` is raised."""
        ...

    def drops_answers(self) -> AbstractContextManager[None]:
        """The write is done, `TemporaryFailure` is raised."""
        ...

    def delays(self) -> AbstractContextManager[None]:
        """The write is done after a while."""
        ...


class HeldWriter(Protocol):
    """Holds the writes of a store before they are published."""

    def hold(self) -> None: ...

    async def reached(self) -> None:
        """Waits until a write is held."""
        ...

    def release(self) -> None:
        """Lets what is held be published."""
        ...

    def kill(self) -> None:
        """What is held is never published: its writer is dead."""
        ...


def eventually_within(seconds: float) -> Eventually:
    async def eventually(condition: Condition) -> None:
        until = time.monotonic() + seconds
        while not await condition():
            assert time.monotonic() < until, "it does not come true in time"
            await asyncio.sleep(STEP_SECONDS)

    return eventually


async def stays_silent(waiting: asyncio.Future[Any], patience: float) -> bool:
    """Whether nothing comes within the patience. What waits goes on waiting."""
    if patience:
        await asyncio.wait([waiting], timeout=patience)
    else:
        for _ in range(ROUNDS):
            await asyncio.sleep(0)
    return not waiting.done()
