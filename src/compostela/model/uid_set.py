"""Sets of UIDs as sorted, disjoint, non-adjacent ranges: small for the dense sets that mailboxes are."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence

from compostela.model.numbers import Uid

MAX_UID = 2**32 - 1


class UidSet:
    """An immutable set of UIDs. Position in the set (from 0) and UID are found from one another by bisection, so a session's
    message numbers need no list of UIDs."""

    __slots__ = ("_before", "_ends", "_starts", "count")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        """Takes inclusive (first, last) ranges in any order, overlapping or not."""
        starts: list[int] = []
        ends: list[int] = []
        for first, last in sorted(ranges):
            if last < first:
                continue
            if ends and first <= ends[-1] + 1:
                ends[-1] = max(ends[-1], last)
            else:
                starts.append(first)
                ends.append(last)
        self._set(starts, ends)

    def _set(self, starts: list[int], ends: list[int]) -> None:
        """Sorted, disjoint, non-adjacent ranges."""
        self._starts = starts
        self._ends = ends
        self._before: list[int] = []
        total = 0
        for first, last in zip(starts, ends, strict=True):
            self._before.append(total)
            total += last - first + 1
        self.count = total

    @classmethod
    def span(cls, first: int, last: int) -> "UidSet":
        """All UIDs from `first` to `last`, which is not below it."""
        found = cls.__new__(cls)
        found._set([first], [last])
        return found

    @classmethod
    def of(cls, uids: Iterable[int]) -> "UidSet":
        """From single UIDs in any order."""
        starts: list[int] = []
        ends: list[int] = []
        for uid in sorted(uids):
            if ends and uid <= ends[-1] + 1:
                ends[-1] = uid
            else:
                starts.append(uid)
                ends.append(uid)
        found = cls.__new__(cls)
        found._set(starts, ends)
        return found

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """Inclusive, sorted, disjoint."""
        return list(zip(self._starts, self._ends, strict=True))

    @property
    def range_count(self) -> int:
        """How many ranges there are: what the set costs in memory."""
        return len(self._starts)

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return self.count > 0

    def __contains__(self, uid: int) -> bool:
        at = bisect_right(self._starts, uid) - 1
        return at >= 0 and uid <= self._ends[at]

    def __iter__(self) -> Iterator[Uid]:
        for first, last in zip(self._starts, self._ends, strict=True):
            for uid in range(first, last + 1):
                yield Uid(uid)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UidSet) and self._starts == other._starts and self._ends == other._ends

    def __hash__(self) -> int:
        return hash((tuple(self._starts), tuple(self._ends)))

    def __repr__(self) -> str:
        return f"UidSet({self})"

    def __str__(self) -> str:
        """As IMAP writes it: `1:3,7`."""
        return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in self.ranges)

    def at(self, position: int) -> Uid:
        """The UID at a position from 0. Raises `IndexError`."""
        if not 0 <= position < self.count:
            raise IndexError(position)
        run = bisect_right(self._before, position) - 1
        return Uid(self._starts[run] + position - self._before[run])

    def position(self, uid: int) -> int | None:
        """Position of a UID from 0, None when it is not in the set."""
        run = bisect_right(self._starts, uid) - 1
        if run < 0 or uid > self._ends[run]:
            return None
        return self._before[run] + uid - self._starts[run]

    def positions(self, uids: Sequence[int], first: int = 0) -> list[int]:
        """Positions, counted from `first`, of UIDs in ascending order, run by run; those that are not in the set are left out."""
        found: list[int] = []
        at = 0
        while at < len(uids):
            run = self.run_of(uids[at])
            if run is None:
                at += 1
                continue
            last, offset = run[0], run[1] - first
            end = bisect_right(uids, last, lo=at)
            found += [uid - offset for uid in uids[at:end]]
            at = end
        return found

    def run_of(self, uid: int) -> tuple[int, int] | None:
        """The range in which a UID is, as (its last UID, what to take from a UID in it to get the position); None when the
        UID is not in the set."""
        run = bisect_right(self._starts, uid) - 1
        if run < 0 or uid > self._ends[run]:
            return None
        return self._ends[run], self._starts[run] - self._before[run]

    def rank(self, uid: int) -> int:
        """How many members are below `uid`."""
        run = bisect_left(self._starts, uid) - 1
        if run < 0:
            return 0
        return self._before[run] + min(uid - 1, self._ends[run]) - self._starts[run] + 1

    def slice(self, first: int, last: int) -> "UidSet":
        """Members at positions first … last (from 0, inclusive, cut to the set)."""
        first, last = max(first, 0), min(last, self.count - 1)
        return self & UidSet([(self.at(first), self.at(last))]) if first <= last else UidSet()

    def __and__(self, other: "UidSet") -> "UidSet":
        out: list[tuple[int, int]] = []
        a, b = 0, 0
        while a < len(self._starts) and b < len(other._starts):
            first = max(self._starts[a], other._starts[b])
            last = min(self._ends[a], other._ends[b])
            if first <= last:
                out.append((first, last))
            if self._ends[a] < other._ends[b]:
                a += 1
            else:
                b += 1
        return UidSet(out)

    def __or__(self, other: "UidSet") -> "UidSet":
        return UidSet([*self.ranges, *other.ranges])

    def __sub__(self, other: "UidSet") -> "UidSet":
        out: list[tuple[int, int]] = []
        b = 0
        for start, last in zip(self._starts, self._ends, strict=True):
            first = start
            while b < len(other._starts) and other._ends[b] < first:
                b += 1
            at = b
            while at < len(other._starts) and other._starts[at] <= last:
                if other._starts[at] > first:
                    out.append((first, other._starts[at] - 1))
                first = other._ends[at] + 1
                at += 1
            if first <= last:
                out.append((first, last))
        return UidSet(out)
