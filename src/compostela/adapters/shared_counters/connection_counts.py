"""Open connections of all workers, in memory that they share (`compostela.base.worker_table`).

Each worker writes its own counts and reads those of the others, so no lock is needed and counting takes no system call: a worker that
the kernel has put aside keeps no other one waiting. The order makes it right: a connection is counted first, then all are added up. Of
two that take the last place in the same moment both see too many, withdraw, and try again one after the other, under a lock.

The counts of a worker are a table of buckets. A key, which is the hash of server and address, has its place in one bucket.
"""

import fcntl
import hashlib
import logging
import mmap
from collections import Counter
from collections.abc import Iterable

from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure
from compostela.base.worker_table import (
    COUNTS_AT,
    COUNTS_OCTETS,
    MAX_PROCESSES,
    PRESENCE_AT,
    TURNS_OCTETS,
    counts_at,
)

_log = logging.getLogger(__name__)

PLACES = 8
"""Of one bucket. A place has two words of eight octets: the key and its count."""
_BUCKET_WORDS = 2 * PLACES
BUCKETS = COUNTS_OCTETS // (8 * _BUCKET_WORDS)
_ALL = ""
"""In place of an address: the connections from all."""

Key = tuple[str, str]


class SharedConnections:
    """See `compostela.core.rate_limits.ports`. What no limit applies to is not counted. Where a bucket is full, which takes tens of
    thousands of addresses at once, a further address counts in this worker alone."""

    def __init__(self, table: int, number: int, clock: Clock) -> None:
        """`table` is the descriptor of the shared memory, `number` this worker's. Raises `OSError`."""
        self._table = table
        self._number = number
        self._own: Counter[Key] = Counter()
        self._places: dict[Key, int] = {}
        """The word of this worker's counts that has the count of a key."""
        self._hashes: dict[Key, int] = {}
        """The hash of each key that has a count."""
        self._table_start = mmap.mmap(table, COUNTS_AT)
        self._presence = memoryview(self._table_start)[PRESENCE_AT : PRESENCE_AT + TURNS_OCTETS].cast("q")
        self._maps: dict[int, tuple[mmap.mmap, memoryview]] = {}
        self._complaints = Complaints(_log, clock)
        # what a worker before has left that had this number
        self._presence[number] = 0
        self._counts = self._mapped(number)
        self._maps[number][0].madvise(mmap.MADV_REMOVE)
        self._presence[number] = 1

    def close(self) -> None:
        """The connections of this worker count no longer."""
        self._presence[self._number] = 0
        self._presence.release()
        self._table_start.close()
        for mapped, words in self._maps.values():
            words.release()
            mapped.close()

    def enter(self, server: str, address: str | None, *, most: int, most_of_address: int) -> bool:
        limits = {(server, _ALL): most} if most else {}
        if address is not None and most_of_address:
            limits[server, address] = most_of_address
        if not limits:
            return True
        if any(self._own[key] >= limit for key, limit in limits.items()):
            return False
        return self._try(limits) or self._try_alone(limits)

    def leave(self, server: str, address: str | None) -> None:
        keys = {(server, _ALL), (server, address or _ALL)}
        self._count_out(key for key in keys if key in self._own)

    def _try(self, limits: dict[Key, int]) -> bool:
        self._count_in(limits)
        if all(self._of_others(key) + self._own[key] <= limit for key, limit in limits.items()):
            return True
        self._count_out(limits)
        return False

    def _try_alone(self, limits: dict[Key, int]) -> bool:
        """The same under a lock, which the kernel frees if this process ends."""
        fcntl.lockf(self._table, fcntl.LOCK_EX, 1)
        try:
            return self._try(limits)
        finally:
            fcntl.lockf(self._table, fcntl.LOCK_UN, 1)

    def _count_in(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._own[key] += 1
            if key in self._places:
                self._counts[self._places[key]] += 1
            elif self._own[key] == 1:
                self._begin(key)

    def _begin(self, key: Key) -> None:
        """Gives a key a place."""
        hashed = self._hashes[key] = _hash(key)
        start, words = self._bucket(hashed, self._counts)
        for at in range(0, _BUCKET_WORDS, 2):
            if not words[at + 1]:
                self._counts[start + at] = hashed
                self._counts[start + at + 1] = 1
                self._places[key] = start + at + 1
                return
        self._complaints.error(
            "connections of an address are counted in this worker alone", TemporaryFailure("too many addresses")
        )

    def _count_out(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._own[key] -= 1
            if key in self._places:
                self._counts[self._places[key]] -= 1
            if self._own[key] <= 0:
                del self._own[key], self._hashes[key]
                self._places.pop(key, None)

    def _of_others(self, key: Key) -> int:
        hashed, found = self._hashes[key], 0
        for number, is_present in enumerate(self._presence.tolist()):
            if is_present and number != self._number:
                counts = self._maps[number][1] if number in self._maps else self._mapped(number)
                _, words = self._bucket(hashed, counts)
                found += sum(words[at + 1] for at in range(0, _BUCKET_WORDS, 2) if words[at] == hashed)
        return found

    @staticmethod
    def _bucket(hashed: int, counts: memoryview) -> tuple[int, list[int]]:
        """Where a bucket begins, and its words."""
        start = hashed % BUCKETS * _BUCKET_WORDS
        return start, counts[start : start + _BUCKET_WORDS].tolist()

    def _mapped(self, number: int) -> memoryview:
        assert 0 < number < MAX_PROCESSES
        mapped = mmap.mmap(self._table, COUNTS_OCTETS, offset=counts_at(number))
        words = memoryview(mapped).cast("Q")
        self._maps[number] = mapped, words
        return words


def _hash(key: Key) -> int:
    return int.from_bytes(hashlib.blake2b("\0".join(key).encode(), digest_size=8).digest(), "little")
