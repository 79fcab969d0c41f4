"""What waits in one queue of this process: ready by priority and age, delayed by time.

Mails that were enqueued here are kept in memory, within bounds, so that the consumer need not read them again.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.core.mail.model import Mail
from compostela.model.numbers import EntryId

MAX_MAILS_IN_MEMORY = 5000
MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024
LONGEST_SLEEP_SECONDS = 60.0
"""The wall clock is looked at this often at least: it may be set."""


@dataclass(slots=True)
class Waiting:
    """One entry that this process owns. `mail` is None when it must be read from the store; `size` counts its bytes in
    memory; `pause_seconds` is the back-off after its last failure, 0 when there was none."""

    row_id: int
    entry: EntryId
    priority: int
    enqueued_at: float
    due_at: float
    mail: Mail | None
    size: int
    pause_seconds: float = 0.0


class QueueMemory:
    """Consumers wait here. Nothing in it is durable: it can be made again from the store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: list[tuple[int, int, Waiting]] = []
        self._delayed: list[tuple[float, int, Waiting]] = []
        self._consumers: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._mails = 0
        self._bytes = 0

    def put(self, waiting: Waiting) -> None:
        if waiting.mail is not None:
            if self._mails >= MAX_MAILS_IN_MEMORY or self._bytes + waiting.size > MAX_BYTES_IN_MEMORY:
                waiting.mail = None
            else:
                self._mails += 1
                self._bytes += waiting.size
        if waiting.due_at > self._clock.now():
            self._release_memory(waiting)
            waiting.mail = None
            heapq.heappush(self._delayed, (waiting.due_at, waiting.row_id, waiting))
            self._set_timer()
        else:
            self._make_ready(waiting)

    async def get(self) -> Waiting:
        """The next ready entry. Cancelling loses nothing."""
        self.ripen()
        while not self._ready:
            consumer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._consumers.append(consumer)
            try:
                await consumer
            except asyncio.CancelledError:
                if consumer in self._consumers:
                    self._consumers.remove(consumer)
                elif self._ready:
                    self._wake()
                raise
        waiting = heapq.heappop(self._ready)[2]
        self._release_memory(waiting)
        return waiting

    def flush(self) -> None:
        """Makes what is delayed ready."""
        delayed, self._delayed = self._delayed, []
        for _, _, waiting in delayed:
            self._make_ready(waiting)

    def drop(self, chosen: Callable[[Waiting], bool]) -> None:
        """Takes entries out without handing them to anybody."""
        for _, _, waiting in self._ready:
            if chosen(waiting):
                self._release_memory(waiting)
                waiting.mail = None
        self._ready = [item for item in self._ready if not chosen(item[2])]
        self._delayed = [item for item in self._delayed if not chosen(item[2])]
        heapq.heapify(self._ready)
        heapq.heapify(self._delayed)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _release_memory(self, waiting: Waiting) -> None:
        if waiting.mail is not None:
            self._mails -= 1
            self._bytes -= waiting.size

    def _make_ready(self, waiting: Waiting) -> None:
        heapq.heappush(self._ready, (-waiting.priority, waiting.row_id, waiting))
        self._wake()

    def _wake(self) -> None:
        while self._consumers:
            consumer = self._consumers.popleft()
            if not consumer.done():
                consumer.set_result(None)
                return

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, self._delayed[0][0] - self._clock.now())
        self._timer = asyncio.get_running_loop().call_later(min(delay, LONGEST_SLEEP_SECONDS), self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self.ripen()
        if self._delayed:
            self._set_timer()

    def ripen(self) -> None:
        """Makes ready whatever is due by now."""
        if not self._delayed:
            return
        now = self._clock.now()
        while self._delayed and self._delayed[0][0] <= now:
            self._make_ready(heapq.heappop(self._delayed)[2])
