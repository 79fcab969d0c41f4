"""What waits in one queue of this process: ready by priority and age, delayed by time.

Mails that were enqueued here are kept in memory, within bounds, so that the consumer need not read them again.
"""

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass

from compostela.base.clock import Clock
from compostela.core.mail.model import Mail
from compostela.core.queue.consumers import WaitingConsumers
from compostela.model.numbers import EntryId

MAX_MAILS_IN_MEMORY = 5000
MAX_BYTES_IN_MEMORY = 64 * 1024 * 1024
_SUSPECT_RANK = -1000
LONGEST_SLEEP_SECONDS = 60.0
"""The wall clock is looked at this often at least: it may be set."""


@dataclass(slots=True)
class Waiting:
    """One entry that waits in this process. `mail` is None when it must be read from the store; `size` counts its bytes in
    memory; `pause_seconds` is the back-off after its last failure, 0 when there was none. `mark` is the queues' shared mark
    that was read when the row was known to be this process's; `deaths` and `deaths_alone`: see `QueueItem`."""

    row_id: int
    entry: EntryId
    priority: int
    enqueued_at: float
    due_at: float
    mail: Mail | None
    size: int
    pause_seconds: float = 0.0
    mark: bytes = b""
    deaths: int = 0
    deaths_alone: int = 0


class QueueMemory:
    """Consumers wait here. Nothing in it is durable: it can be made again from the store."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: list[tuple[int, int, int, Waiting]] = []
        self._delayed: list[tuple[float, int, int, Waiting]] = []
        self._newest: dict[int, Waiting] = {}
        self._count = 0
        self._consumers = WaitingConsumers()
        self._timer: asyncio.TimerHandle | None = None
        self._mails = 0
        self._bytes = 0

    def put(self, waiting: Waiting) -> None:
        """Of a row that waits here already only the newer form counts."""
        self._newest[waiting.row_id] = waiting
        self._count += 1
        if waiting.mail is not None:
            if self._mails >= MAX_MAILS_IN_MEMORY or self._bytes + waiting.size > MAX_BYTES_IN_MEMORY:
                waiting.mail = None
            else:
                self._mails += 1
                self._bytes += waiting.size
        if waiting.due_at > self._clock.now():
            self._release_memory(waiting)
            waiting.mail = None
            heapq.heappush(self._delayed, (waiting.due_at, waiting.row_id, self._count, waiting))
            self._set_timer()
        else:
            self._make_ready(waiting)

    async def get(self) -> Waiting:
        """The next ready entry. Cancelling loses nothing."""
        return await self._consumers.take(self._pop)

    def _pop(self) -> Waiting | None:
        self.ripen()
        while self._ready:
            waiting = heapq.heappop(self._ready)[3]
            self._release_memory(waiting)
            if self._newest.get(waiting.row_id) is waiting:
                del self._newest[waiting.row_id]
                return waiting
        return None

    def __contains__(self, row_id: int) -> bool:
        return row_id in self._newest

    @property
    def idle_consumers(self) -> int:
        """Consumers for which nothing is ready."""
        return 0 if self._ready else self._consumers.count

    def flush(self) -> None:
        """Makes what is delayed ready."""
        delayed, self._delayed = self._delayed, []
        for _, _, _, waiting in delayed:
            self._make_ready(waiting)

    def drop(self, chosen: Callable[[Waiting], bool]) -> None:
        """Takes entries out without handing them to anybody."""
        for _, _, _, waiting in self._ready:
            if chosen(waiting):
                self._release_memory(waiting)
                waiting.mail = None
        self._ready = [item for item in self._ready if not chosen(item[3])]
        self._delayed = [item for item in self._delayed if not chosen(item[3])]
        self._newest = {row: waiting for row, waiting in self._newest.items() if not chosen(waiting)}
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
        # a suspect comes first: after a start nothing else is in work yet
        rank = _SUSPECT_RANK if waiting.deaths else -waiting.priority
        heapq.heappush(self._ready, (rank, waiting.row_id, self._count, waiting))
        self._consumers.wake_one()

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
            self._make_ready(heapq.heappop(self._delayed)[3])
