"""The minutes of a queue: in which partitions its entries are found.

A process names a minute before it writes to it. A minute that is empty is forgotten some time after it was last named, when no process
writes to it under that name any more. That time is measured by the process that forgets, from when it saw the name first: the clocks of
nodes may differ by hours. A name is never written twice, so it does not matter that what is removed in Cassandra does not come back.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock

LINES, DUE = "lines", "due"
FOREVER = (1 << 30) - 1
"""A minute after all minutes."""
NAMED_SECONDS = 60.0
"""A process names a minute anew after this time."""
WRITE_SECONDS = 30.0
"""What is written into a minute is durable this long after the write began, or has failed."""
SETTLED_SECONDS = 120.0
"""No process writes into a minute under a name that is this old. More than `NAMED_SECONDS` and `WRITE_SECONDS`."""
MAX_SEEN = 100_000
"""What is more than that is taken for new."""
_NUMBER_BITS = 32
"""A name has the minute in front of a random number of so many bits. A name without a minute is one of a release that wrote the
minute alone."""

_ADD = "INSERT INTO queue_minute (queue, kind, minute) VALUES (?, ?, ?) USING TIMESTAMP 1"
_REMOVE = "DELETE FROM queue_minute USING TIMESTAMP 2 WHERE queue = ? AND kind = ? AND minute = ?"
_LIST = "SELECT minute FROM queue_minute WHERE queue = ? AND kind = ? AND minute <= ?"
_LIST_ONE = "SELECT minute FROM queue_minute WHERE queue = ? AND kind = ? AND minute >= ? AND minute <= ?"

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Minute:
    """A minute since the epoch, by the clock of the process that named it."""

    number: int
    names: tuple[int, ...]


class Minutes:
    """The rows of the minutes. All calls raise `TemporaryFailure`."""

    def __init__(self, session: CassandraSession, clock: Clock) -> None:
        self._session = session
        self._clock = clock
        self._named: dict[tuple[str, str, int], float] = {}
        """When this process named minutes."""
        self._naming: dict[tuple[str, str, int], asyncio.Task[None]] = {}

    async def name(self, queue: str, kind: str, number: int) -> None:
        """Before a write into that minute: a process that sees what was written sees the name. Those that come at the same time share
        one: each leaves a tombstone."""
        key = queue, kind, number
        at = self._named.get(key)
        if at is not None and self._clock.monotonic() - at <= NAMED_SECONDS:
            return
        naming = self._naming.get(key)
        if naming is None:
            naming = self._naming[key] = asyncio.create_task(self._write_name(*key))
            naming.add_done_callback(lambda ended: self._end_naming(key, ended))
        await asyncio.shield(naming)

    async def _write_name(self, queue: str, kind: str, number: int) -> None:
        now = self._clock.monotonic()
        await self._session.write(_ADD, queue, kind, number << _NUMBER_BITS | random.getrandbits(_NUMBER_BITS))
        self._named = {key: at for key, at in self._named.items() if now - at <= NAMED_SECONDS}
        self._named[queue, kind, number] = now

    def _end_naming(self, key: tuple[str, str, int], ended: asyncio.Task[None]) -> None:
        del self._naming[key]
        if not ended.cancelled():
            ended.exception()  # those that waited have it; they may all have been cancelled

    async def all(self, queue: str, kind: str, until: int = FOREVER) -> list[Minute]:
        """In order, up to the minute `until`."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        last = (until + 1 << _NUMBER_BITS) - 1
        for row in await self._session.rows(_LIST, queue, kind, last):
            number = row[0] >> _NUMBER_BITS or row[0]
            if number <= until:
                found[number].append(row[0])
        return [Minute(number, tuple(found[number])) for number in sorted(found)]

    async def are_all(self, queue: str, kind: str, minute: Minute) -> bool:
        """Whether it has no other names than those that were seen."""
        first = minute.number << _NUMBER_BITS
        last = (minute.number + 1 << _NUMBER_BITS) - 1
        rows = await self._session.rows(_LIST_ONE, queue, kind, first, last)
        return {row[0] for row in rows} <= set(minute.names)

    async def forget(self, queue: str, kind: str, minute: Minute) -> None:
        """The names that were seen. One that was written since stays."""
        for name in minute.names:
            await self._session.write(_REMOVE, queue, kind, name)


class Seen(Generic[K]):
    """For how long this process has known things: their own times are those of other clocks."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[K, float] = {}

    def seconds(self, key: K) -> float:
        now = self._clock.monotonic()
        if key not in self._since and len(self._since) >= MAX_SEEN:
            return 0.0
        return now - self._since.setdefault(key, now)

    def keep(self, keys: Iterable[K]) -> None:
        """Forgets the others."""
        kept = set(keys)
        self._since = {key: since for key, since in self._since.items() if key in kept}


class SettledMinutes:
    """Tells in which minutes no process writes any more under the names that were seen. Belongs to one queue and kind of a process."""

    def __init__(self, clock: Clock) -> None:
        self._seen: Seen[int] = Seen(clock)

    def of(self, minutes: Iterable[Minute]) -> set[int]:
        """The numbers of those; `minutes` are all that there are now."""
        minutes = list(minutes)
        settled = {
            minute.number
            for minute in minutes
            # each name is looked up, so that each is noted
            if min([self._seen.seconds(name) for name in minute.names]) >= SETTLED_SECONDS
        }
        self._seen.keep(name for minute in minutes for name in minute.names)
        return settled
