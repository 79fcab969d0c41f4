"""The match type `:matches` (RFC 5228 §2.7.1): `*` and `?`, without backtracking.

A pattern is a list of segments between stars. The first segment is anchored at the start, the last at the end, and each one between is
found as far left as possible: so each star takes the fewest characters, as RFC 5229 §3.2 wants for match variables.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Segment:
    text: str
    """With any character where a `?` is."""
    holes: tuple[int, ...]
    """Offsets of the `?`s."""
    search: re.Pattern[str] | None
    """None if there are no holes."""

    def find(self, value: str, start: int, end: int) -> int:
        if self.search is None:
            return value.find(self.text, start, end)
        found = self.search.search(value, start, end)
        return found.start() if found else -1

    def fits(self, value: str, at: int) -> bool:
        if self.search is None:
            return value.startswith(self.text, at)
        return self.search.match(value, at) is not None


class Wildcard:
    """One compiled pattern. The work for a value is at most `cost` for each of its characters."""

    __slots__ = ("_longest", "_segments", "cost")

    def __init__(self, pattern: str) -> None:
        self._segments = [_segment(text) for text in _split(pattern)]
        self._longest = max((s.text for s in self._segments if s.search is None), default="", key=len)
        """What every value that matches has somewhere."""
        self.cost = max((len(s.text) for s in self._segments if s.search is not None), default=0)

    def match(self, value: str, raw: str | None = None) -> tuple[str, ...] | None:
        """The captures: the whole value and what each wildcard took, in order, cut from `raw`, the value before
        folding, which must not change its length. None if the value does not match."""
        if self._longest not in value:
            return None
        raw = value if raw is None else raw
        segments = self._segments
        first, last = segments[0], segments[-1]
        if len(segments) == 1:
            if len(value) != len(first.text) or not first.fits(value, 0):
                return None
            return (raw, *(raw[at] for at in first.holes))
        end = len(value) - len(last.text)
        if end < len(first.text) or not first.fits(value, 0) or not last.fits(value, end):
            return None
        captures = [raw, *(raw[at] for at in first.holes)]
        position = len(first.text)
        for segment in segments[1:-1]:
            at = segment.find(value, position, end)
            if at < 0:
                return None
            captures.append(raw[position:at])
            captures += [raw[at + hole] for hole in segment.holes]
            position = at + len(segment.text)
        captures.append(raw[position:end])
        captures += [raw[end + hole] for hole in last.holes]
        return tuple(captures)


def _split(pattern: str) -> list[list[str]]:
    """Segments of single characters; a `?` is the empty string."""
    segments: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if character == "*":
            segments.append([])
        elif character == "?":
            segments[-1].append("")
        elif character == "\\" and at + 1 < len(pattern):
            at += 1
            segments[-1].append(pattern[at])
        else:
            segments[-1].append(character)
        at += 1
    return segments


def _segment(characters: list[str]) -> _Segment:
    holes = tuple(at for at, character in enumerate(characters) if not character)
    text = "".join(character or "?" for character in characters)
    if not holes:
        return _Segment(text, (), None)
    source = "".join(re.escape(character) if character else "." for character in characters)
    return _Segment(text, holes, re.compile(source, re.DOTALL))
