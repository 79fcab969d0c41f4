"""Waiting for what the server does by itself, without guessing how long it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 20.0
STEP_SECONDS = 0.005


async def eventually(probe: Callable[[], Awaitable[T | None]]) -> T:
    """The first value of the probe that is not None. Raises `TimeoutError`."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (found := await probe()) is None:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(STEP_SECONDS)
        return found
