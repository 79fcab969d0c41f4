"""Waiting for what the server does by itself, without guessing how long it takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from compostela.core.queue.ports import MailQueues

T = TypeVar("T")

LIMIT_SECONDS = 20.0
STEP_SECONDS = 0.005


async def no_mail_is_queued(queues: MailQueues) -> bool | None:
    """True when no mail is in any queue, None while one is: a probe for `eventually`. A mail may have gone from a queue that is yet to be looked
    at to one that was looked at before, so each is looked at twice."""
    sizes = [await queues.queue(name).size() for _ in range(2) for name in await queues.names()]
    return None if any(sizes) else True


async def eventually(probe: Callable[[], Awaitable[T | None]]) -> T:
    """The first value of the probe that is not None. Raises `TimeoutError`."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while (found := await probe()) is None:  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(STEP_SECONDS)
        return found
