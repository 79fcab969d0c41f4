"""The SMTP server's engine: octets in, events out. No socket, no clock, no `await`.

Feed it with `receive` and take what there is with `next_event`, one event at a time, so that the host can do a command's
work before it looks at the next one: pipelined commands wait in a bounded buffer. Any split of the input gives the same
commands and the same message octets.

Lines end with CRLF and nothing else: a CR or LF alone, in a command or in a message, is a `BadLineEnd`, which closes the
door to smuggling messages past servers that differ in what they take for an end of data.
"""

from dataclasses import dataclass

MAX_COMMAND_LINE = 8192
"""Default limit of a command line in octets (RFC 5321 §4.5.3.1.4 wants at least 512)."""

_END = b"\r\n.\r\n"


@dataclass(frozen=True, slots=True)
class Command:
    """A command line: the verb in capitals and the rest without the white space around it."""

    verb: bytes
    argument: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the host asked for (an answer to an AUTH challenge)."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """A line beyond the limit; it was thrown away up to its end."""


@dataclass(frozen=True, slots=True)
class BadLineEnd:
    """A bare CR or LF. Nothing after it can be trusted: answer and close."""


@dataclass(frozen=True, slots=True)
class Data:
    """Octets of the message, dots unstuffed."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class DataEnd:
    """The message is complete."""


Event = Command | Line | LineTooLong | BadLineEnd | Data | DataEnd

_LINE_TOO_LONG = LineTooLong()
_BAD_LINE_END = BadLineEnd()
_DATA_END = DataEnd()


class SmtpEngine:
    """One connection's reading side."""

    __slots__ = ("_at_line_start", "_broken", "_buffer", "_ended", "_in_data", "_max_line", "_skipping", "_want_line")

    def __init__(self, max_line: int = MAX_COMMAND_LINE) -> None:
        self._buffer = b""
        self._max_line = max_line
        self._in_data = False
        self._at_line_start = True
        self._ended = False
        self._skipping = False
        self._want_line = False
        self._broken = False

    def receive(self, octets: bytes) -> None:
        """Adds what arrived. The host stops reading while `buffered` is above its limit. Behind a `BadLineEnd` nothing is
        kept any more."""
        if self._broken:
            return
        self._buffer = self._buffer + octets if self._buffer else octets

    @property
    def buffered(self) -> int:
        """Octets that wait."""
        return len(self._buffer)

    def start_data(self) -> None:
        """After 354: what follows is a message up to CRLF.CRLF."""
        self._in_data = True
        self._at_line_start = True

    def expect_line(self) -> None:
        """The next line is no command but an answer to a challenge."""
        self._want_line = True

    def forget(self) -> None:
        """Throws away what waits: nothing that was sent before a TLS handshake may live on behind it (RFC 3207 §4.2)."""
        self._buffer = b""

    def next_event(self) -> Event | None:
        """The next event, None when more octets are needed."""
        if self._broken:
            return None
        if self._ended:
            self._ended = False
            return _DATA_END
        return self._data() if self._in_data else self._line()

    def _line(self) -> Event | None:
        while True:
            end = self._buffer.find(b"\n")
            if self._skipping:
                if end < 0:
                    self._buffer = b""
                    return None
                self._buffer = self._buffer[end + 1 :]
                self._skipping = False
                return _LINE_TOO_LONG
            if end < 0 and len(self._buffer) > self._max_line:
                self._skipping = True
                continue
            break
        if end < 0:
            return None
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        if len(line) > self._max_line:
            return _LINE_TOO_LONG
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            return self._break()
        line = line[:-1]
        if self._want_line:
            self._want_line = False
            return Line(line)
        verb, _, argument = line.strip().partition(b" ")
        return Command(verb.upper(), argument.strip())

    def _data(self) -> Event | None:
        buffer = self._buffer
        if self._at_line_start and buffer.startswith(b"."):
            if len(buffer) < 3:
                return self._bad_start(buffer)
            if buffer.startswith(b".\r\n"):
                self._buffer = buffer[3:]
                self._in_data = False
                return _DATA_END
        end = buffer.find(_END)
        if end >= 0:
            chunk, self._buffer = buffer[: end + 2], buffer[end + 5 :]
            self._in_data = False
            self._ended = True
        else:
            # the last octets may be the beginning of the end
            cut = len(buffer) - 4
            if cut <= 0:
                return None
            if buffer[cut - 1] == 0x0D:
                cut -= 1
                if cut == 0:
                    return None
            chunk, self._buffer = buffer[:cut], buffer[cut:]
        if _has_bare_line_end(chunk):
            return self._break()
        if b"\n." in chunk:
            octets = chunk.replace(b"\r\n.", b"\r\n")
        else:
            octets = chunk
        if self._at_line_start and octets.startswith(b"."):
            octets = octets[1:]
        self._at_line_start = chunk.endswith(b"\r\n")
        return Data(octets)

    def _bad_start(self, buffer: bytes) -> Event | None:
        if len(buffer) > 1 and buffer[1] == 0x0A:
            return self._break()
        return None

    def _break(self) -> Event:
        self._broken = True
        self._buffer = b""
        return _BAD_LINE_END


def _has_bare_line_end(chunk: bytes) -> bool:
    # cheaper than to count, since what is left has next to none of them
    rest = chunk.replace(b"\r\n", b"")
    return b"\n" in rest or b"\r" in rest
