"""Trying again what a store could not do for now, before the mail takes another way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from compostela.base.errors import TemporaryFailure

T = TypeVar("T")

TRIES = 4
FIRST_PAUSE_SECONDS = 0.2
MAX_PAUSE_SECONDS = 1.0


async def with_retries(attempt: Callable[[], Awaitable[T]]) -> T:
    """Call `attempt` until it raises no `TemporaryFailure`, at most `TRIES` times with growing pauses; then raise the last
    failure. What `attempt` does must be safe to do again."""
    pause = FIRST_PAUSE_SECONDS
    for _ in range(TRIES - 1):
        try:
            return await attempt()
        except TemporaryFailure:
            await asyncio.sleep(pause)
            pause = min(MAX_PAUSE_SECONDS, pause * 2)
    return await attempt()
