"""The entries that a process has at hand: handed to it by the broker, and waiting for its consumers."""

import heapq
from dataclasses import dataclass

import msgspec

from compostela.adapters.cassandra.queue_broker import Handed
from compostela.base.clock import Clock
from compostela.core.queue.consumers import WaitingConsumers
from compostela.model.numbers import EntryId


class Message(msgspec.Struct, frozen=True, array_like=True):
    """What is published of an entry."""

    entry: str
    revision: int
    priority: int
    ready_at: float
    deaths: int = 0
    deaths_alone: int = 0


encode_message = msgspec.msgpack.Encoder().encode
decode_message = msgspec.msgpack.Decoder(Message).decode


@dataclass(slots=True, eq=False)
class Waiting:
    """One entry at hand. `pause_seconds` is the back-off after its last failure, 0 if there was none."""

    message: Message
    handed: Handed
    arrived_at: float
    """In the time of the event loop."""
    not_before: float = 0.0
    pause_seconds: float = 0.0
    is_unsure: bool = False
    """A write of this process may have raised its revision."""

    @property
    def entry(self) -> EntryId:
        return EntryId(self.message.entry)


class Hand:
    """Entries in the order of priority, then of the time at which they became ready; suspects first, since after a start nothing else
    is in work yet. Those that failed wait for their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ready: list[tuple[tuple[bool, int, float, EntryId, int], Waiting]] = []
        self._paused: list[tuple[float, int, Waiting]] = []
        self._known: dict[EntryId, Waiting] = {}
        self._count = 0
        self._consumers = WaitingConsumers()

    def __len__(self) -> int:
        return len(self._known)

    def get_known(self, entry: EntryId) -> Waiting | None:
        return self._known.get(entry)

    @property
    def is_wanted(self) -> bool:
        """Whether a consumer waits."""
        return self._consumers.count > 0

    def oldest_arrival(self) -> float | None:
        """Of those that could be handed out."""
        return min((waiting.arrived_at for _, waiting in self._ready if self._is_known(waiting)), default=None)

    def put(self, waiting: Waiting) -> None:
        self._known[waiting.entry] = waiting
        self._count += 1
        if waiting.not_before > self._clock.now():
            heapq.heappush(self._paused, (waiting.not_before, self._count, waiting))
        else:
            self._make_ready(waiting)

    async def get(self) -> Waiting:
        """Cancelling loses nothing."""
        return await self._consumers.take(self._pop)

    def ripen(self) -> None:
        """Makes ready what has paused for long enough."""
        while self._paused and self._paused[0][0] <= self._clock.now():
            waiting = heapq.heappop(self._paused)[2]
            if self._is_known(waiting):
                self._make_ready(waiting)

    def take_all(self, *, ready_only: bool = False) -> list[Waiting]:
        """Takes the entries out, without handing them to a consumer."""
        chosen = [item[-1] for item in self._ready]
        if not ready_only:
            chosen += [item[-1] for item in self._paused]
            self._paused = []
        self._ready = []
        taken = [waiting for waiting in chosen if self._is_known(waiting)]
        for waiting in taken:
            del self._known[waiting.entry]
        return taken

    def drop(self, entry: EntryId) -> None:
        self._known.pop(entry, None)

    def _pop(self) -> Waiting | None:
        self.ripen()
        while self._ready:
            waiting = heapq.heappop(self._ready)[1]
            if self._is_known(waiting):
                del self._known[waiting.entry]
                return waiting
        return None

    def _is_known(self, waiting: Waiting) -> bool:
        return self._known.get(waiting.entry) is waiting

    def _make_ready(self, waiting: Waiting) -> None:
        message = waiting.message
        self._count += 1
        order = (not message.deaths, -message.priority, message.ready_at, waiting.entry, self._count)
        heapq.heappush(self._ready, (order, waiting))
        self._consumers.wake_one()
