"""Flags of a message: the system flags as bits, keywords as a set (RFC 3501 §2.3.2)."""

import enum
from collections.abc import Iterable
from typing import NamedTuple


class SystemFlag(enum.IntEnum):
    """The storable system flags, each a bit. `\\Recent` is never stored: a mailbox keeps its first recent UID instead. No `IntFlag`, whose
    `&` and `|` take 5 µs."""

    SEEN = 1
    ANSWERED = 2
    FLAGGED = 4
    DELETED = 8
    DRAFT = 16


NO_KEYWORDS: frozenset[str] = frozenset()


class Flags(NamedTuple):
    """System flags and keywords of one message. `system` is a sum of `SystemFlag` values (a plain int, for speed). A tuple, because
    listings look up the text of each message's flags: its hash is quick."""

    system: int = 0
    keywords: frozenset[str] = NO_KEYWORDS

    @classmethod
    def of(cls, *system: SystemFlag, keywords: Iterable[str] = ()) -> "Flags":
        bits = 0
        for flag in system:
            bits |= flag
        return cls(int(bits), frozenset(keywords))

    def __or__(self, other: "Flags") -> "Flags":
        return Flags(self.system | other.system, self.keywords | _without(other.keywords, self.keywords))

    def __sub__(self, other: "Flags") -> "Flags":
        return Flags(self.system & ~other.system, _without(self.keywords, other.keywords))

    def spelled_as(self, known: frozenset[str]) -> "Flags":
        """The same flags, each keyword as it is spelled in `known` if it is there: keywords have no case (RFC 3501 §2.3.2)."""
        if self.keywords <= known:
            return self
        spellings = {keyword.lower(): keyword for keyword in known}
        return Flags(self.system, frozenset(spellings.get(keyword.lower(), keyword) for keyword in self.keywords))

    def __contains__(self, flag: object) -> bool:
        """Whether it has a `SystemFlag`."""
        return isinstance(flag, int) and bool(self.system & int(flag))


def _without(keywords: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    """Those that are not among the others in any case."""
    if not keywords or not others:
        return keywords
    lowered = {other.lower() for other in others}
    return frozenset(keyword for keyword in keywords if keyword.lower() not in lowered)


NO_FLAGS = Flags()


class FlagsMode(enum.Enum):
    """How STORE combines the flags that it is given with those that are there."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"

    def apply(self, current: Flags, given: Flags) -> Flags:
        if self is FlagsMode.ADD:
            return current | given
        if self is FlagsMode.REMOVE:
            return current - given
        return given
