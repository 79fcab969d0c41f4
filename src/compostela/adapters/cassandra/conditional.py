"""Changes that are planned on what was read and carried out only if nothing has changed since."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from compostela.base.errors import TemporaryFailure

T = TypeVar("T")

MAX_ATTEMPTS = 50
"""Of one change. Each time another change of the same partition came first."""
DELAY_SECONDS = 0.005
"""Of the second attempt; later ones wait longer, by chance, so that many writers do not meet again."""
MAX_DELAY_SECONDS = 0.2
MAX_TTL = 20 * 365 * 86_400
"""The longest time to live that Cassandra takes."""
SKEW_SECONDS = 86_400.0
"""Seconds for which a row is kept after it expires: a node whose clock is slow must still find it."""


class Conflict(Exception):
    """Another change came first: read again and plan again."""


async def planned(change: Callable[[], Awaitable[T]]) -> T:
    """Repeats a change that raises `Conflict`. Raises `TemporaryFailure` if others come first all the time."""
    delay = DELAY_SECONDS
    for _ in range(MAX_ATTEMPTS):
        try:
            return await change()
        except Conflict:
            await asyncio.sleep(random.uniform(0, delay))
            delay = min(2 * delay, MAX_DELAY_SECONDS)
    raise TemporaryFailure("Cassandra: too many changes of one partition at once")


def ttl_seconds(now: float, until: float) -> int:
    """Time to live of a row that is in force until then (epoch seconds)."""
    return int(min(max(until - now, 0) + SKEW_SECONDS, MAX_TTL))
