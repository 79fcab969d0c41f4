"""Consumers of a queue that wait in one process until an entry is ready for them."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeVar

Entry = TypeVar("Entry")


class WaitingConsumers:
    """Wakes the consumer that has waited longest. One that is cancelled after it was woken wakes the next, so that no entry lies ready
    while a consumer waits."""

    def __init__(self) -> None:
        self._consumers: deque[asyncio.Future[None]] = deque()

    @property
    def count(self) -> int:
        """How many wait."""
        return sum(not consumer.done() for consumer in self._consumers)

    async def take(self, pop: Callable[[], Entry | None]) -> Entry:
        """The first entry that `pop` gives; it is asked again after each `wake_one`. Cancelling loses nothing."""
        while (entry := pop()) is None:
            consumer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._consumers.append(consumer)
            try:
                await consumer
            except asyncio.CancelledError:
                if consumer in self._consumers:
                    self._consumers.remove(consumer)
                else:
                    self.wake_one()
                raise
        return entry

    def wake_one(self) -> None:
        """To be called when an entry has become ready."""
        while self._consumers:
            consumer = self._consumers.popleft()
            if not consumer.done():
                consumer.set_result(None)
                return
