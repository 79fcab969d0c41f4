"""Sequence sets of IMAP: numbers and ranges with `*` (RFC 3501 §9)."""

import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.model.uid_set import MAX_UID, UidSet

MAX_RANGES = 20_000
_ITEM = rb"(?:[1-9][0-9]{0,9}|\*)(?::(?:[1-9][0-9]{0,9}|\*))?"
_SET = re.compile(rb"%b(?:,%b)*" % (_ITEM, _ITEM))


@dataclass(frozen=True, slots=True)
class SequenceSet:
    """Ranges as given; 0 means `*`."""

    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: bytes) -> "SequenceSet":
        """Raises `InvalidArgument` for another form, for numbers beyond 2**32-1 and for more than `MAX_RANGES` ranges."""
        if not _SET.fullmatch(text) or text.count(b",") >= MAX_RANGES:
            raise InvalidArgument("Invalid messageset.")
        ranges = []
        for item in text.split(b","):
            first, colon, last = item.partition(b":")
            one = _number(first)
            ranges.append((one, _number(last) if colon else one))
        return cls(tuple(ranges))

    def exceeds(self, count: int) -> bool:
        """Whether it names a message number above `count`. Ranges up to `*` do not; `*` alone does in an empty mailbox."""
        for first, last in self.ranges:
            if (first > count and last) or (last > count and first) or not (first or last or count):
                return True
        return False

    def numbers(self, count: int) -> UidSet:
        """As message numbers of a mailbox with so many messages, cut to them."""
        return UidSet((first, min(last, count)) for first, last in _ordered(self.ranges, count)) if count else UidSet()

    def uids(self, present: UidSet) -> UidSet:
        """Those of the UIDs that are present; `*` is the highest."""
        if not present:
            return present
        highest = present.at(present.count - 1)
        return present & UidSet(_ordered(self.ranges, highest))

    def resolve(self, present: UidSet, *, uid: bool) -> UidSet:
        """UIDs, from UIDs or from message numbers."""
        if uid:
            return self.uids(present)
        if len(self.ranges) == 1 and present:
            ((first, last),) = _ordered(self.ranges, present.count)
            return _between(present, first, min(last, present.count))
        numbers = self.numbers(present.count)
        if len(numbers) == present.count:
            return present
        return UidSet(_at_positions(present, numbers.ranges))


def _number(text: bytes) -> int:
    number = 0 if text == b"*" else int(text)
    if number > MAX_UID:
        raise InvalidArgument("Invalid messageset.")
    return number


def _ordered(ranges: tuple[tuple[int, int], ...], highest: int) -> list[tuple[int, int]]:
    found = []
    for first, last in ranges:
        one, other = first or highest, last or highest
        found.append((one, other) if one <= other else (other, one))
    return found


def _between(present: UidSet, first: int, last: int) -> UidSet:
    """UIDs from one message number to another. Cheap where there is no hole between them, as for a single message."""
    if first > last:
        return UidSet()
    if last - first + 1 == present.count:
        return present
    low, high = present.at(first - 1), present.at(last - 1)
    return UidSet.span(low, high) if high - low == last - first else UidSet.span(low, high) & present


def _at_positions(present: UidSet, numbers: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """UID ranges at sorted ranges of message numbers. Ends of a range that are as far apart as their numbers have no hole
    between them; the others are cut at the holes in one sweep over both lists."""
    found: list[tuple[int, int]] = []
    holed: list[tuple[int, int]] = []
    for first, last in numbers:
        low, high = present.at(first - 1), present.at(last - 1)
        (found if high - low == last - first else holed).append((low, high))
    return found + (UidSet(holed) & present).ranges if holed else found
