"""Sequence sets of IMAP: numbers and ranges with `*` (RFC 3501 §9)."""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.model.uid_set import MAX_UID, UidSet

MAX_RANGES = 20_000


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as given; 0 stands for `*`."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: bytes) -> "SequenceSet":
        """Raises `InvalidArgument`."""
        ranges = []
        for item in text.split(b",", MAX_RANGES):
            first, colon, last = item.partition(b":")
            ranges.append((_number(first), _number(last if colon else first)))
        return cls(tuple(ranges))

    def numbers(self, count: int) -> UidSet:
        """As message numbers of a mailbox with so many messages, cut to them."""
        return UidSet(_ordered(self.ranges, count)) & UidSet([(1, count)]) if count else UidSet()

    def uids(self, present: UidSet) -> UidSet:
        """Those of the UIDs that are present; `*` is the highest."""
        highest = present.at(present.count - 1) if present else 1
        return present & UidSet(_ordered(self.ranges, highest))

    def resolve(self, present: UidSet, *, uid: bool) -> UidSet:
        """UIDs, from UIDs or from message numbers."""
        if uid:
            return self.uids(present)
        out = UidSet()
        for first, last in self.numbers(present.count).ranges:
            out = out | present.slice(first - 1, last - 1)
        return out


def _number(text: bytes) -> int:
    if text == b"*":
        return 0
    if not text.isdigit() or text[:1] == b"0" or int(text) > MAX_UID:
        raise InvalidArgument("Invalid messageset.")
    return int(text)


def _ordered(ranges: tuple[tuple[int, int], ...], highest: int) -> list[tuple[int, int]]:
    found = []
    for first, last in ranges:
        one, other = first or highest, last or highest
        found.append((min(one, other), max(one, other)))
    return found
