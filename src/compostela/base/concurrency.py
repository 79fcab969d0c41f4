"""The same work for many items at once, bounded; waiting for an event, at most so long."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

SIDE_BY_SIDE = 100
"""Items of one call that are worked on at once: the recipients of most mails, whose writes then share one group commit."""


async def side_by_side(
    items: Sequence[Item], work: Callable[[Item], Awaitable[Result]], limit: int = SIDE_BY_SIDE
) -> list[Result]:
    """The results in the order of the items. The work is begun in their order. What one item raises does not stop the others:
    the first error, in the order of the items, is raised when all have ended. Cancelling the caller cancels all."""
    if len(items) == 1:
        return [await work(items[0])]
    free = asyncio.Semaphore(limit)

    async def one(item: Item) -> Result:
        async with free:
            return await work(item)

    found = await asyncio.gather(*(one(item) for item in items), return_exceptions=True)
    results: list[Result] = []
    for result in found:
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


async def wait_at_most(event: asyncio.Event, seconds: float) -> None:
    """Return when the event is set, or after `seconds`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def contained(work: Awaitable[Result]) -> Result:
    """Runs an operator's own code. `SystemExit` and `KeyboardInterrupt`, which would end the event loop and the server with it, become
    a `RuntimeError`."""
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as exit_request:
        raise RuntimeError(repr(exit_request)) from exit_request
