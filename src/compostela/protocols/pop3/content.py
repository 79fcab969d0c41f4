"""Message octets on their way to the client: dot stuffing (RFC 1939 §3), and the cut of TOP. Both take pieces of any size and keep at
most one octet between two of them."""

import re

_BARE_LF = re.compile(rb"(?<!\r)\n")
_TO_CHANGE = re.compile(rb"\n(?:\.|(?<!\r\n))")
"""A dot at the beginning of a line, or a bare LF. It begins with a literal, which the search finds many times as fast as other
patterns: this one pass over a usual message costs less than to count or find two octets in it."""


class DotStuffer:
    """Makes a multi-line reply of a message. Lines end with CRLF on the wire: a bare LF, which some clients would take for a line end
    and others not, becomes one."""

    __slots__ = ("_at_line_start", "_held")

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""

    def feed(self, octets: bytes) -> bytes:
        """The octets to send for the next piece of the message."""
        if self._held:
            octets = self._held + octets
            self._held = b""
        if octets.endswith(b"\r"):
            # an LF may follow
            octets, self._held = octets[:-1], b"\r"
        if not octets:
            return b""
        starts_with_dot = self._at_line_start and octets.startswith(b".")
        self._at_line_start = octets.endswith(b"\n")
        if _TO_CHANGE.search(octets) is not None:
            octets = _changed(octets)
        return b"." + octets if starts_with_dot else octets

    def end(self) -> bytes:
        """What follows the last piece: a line end if the message has none, and the line with the dot."""
        # a CR that is held begins the line end
        return b".\r\n" if self._at_line_start and not self._held else b"\r\n.\r\n"


def _changed(octets: bytes) -> bytes:
    if octets.count(b"\n") != octets.count(b"\r\n"):
        octets = _BARE_LF.sub(b"\r\n", octets)
    return octets.replace(b"\n.", b"\n..") if b"\n." in octets else octets


class LineCounter:
    """Lets a number of lines through."""

    __slots__ = ("left",)

    def __init__(self, lines: int) -> None:
        self.left = lines
        """Lines that may still pass."""

    def feed(self, octets: bytes) -> bytes:
        """As much of the next piece as is within the limit."""
        if not self.left:
            return b""
        count = octets.count(b"\n")
        if count < self.left:
            self.left -= count
            return octets
        end = 0
        for _ in range(self.left):
            end = octets.index(b"\n", end) + 1
        self.left = 0
        return octets[:end]
