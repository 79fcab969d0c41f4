"""The SMTP server's engine: octets in, events out. No socket, no clock, no `await`.

Feed it with `receive` and take what there is with `next_event`, one event at a time, so that the host can do a command's
work before it looks at the next one: pipelined commands wait in a bounded buffer. Any split of the input gives the same
commands and the same message octets.

Lines end with CRLF and nothing else: a CR or LF alone, in a command or in a message, is a `BadLineEnd`, which closes the
door to smuggling messages past servers that differ in what they take for an end of data. A chunk (RFC 3030) is so many octets,
whatever they are; whether they are lines is told at its end.

What arrives is looked at once: the buffer is read by offset, so a segment with a hundred thousand commands costs no more than
its length.
"""

import msgspec

from compostela.mime.lines import has_bare_line_ends

MAX_COMMAND_LINE = 8192
"""Default limit of a command line in octets (RFC 5321 §4.5.3.1.4 wants at least 512)."""
MAX_AUTH_LINE = 12_288
"""A line of an AUTH exchange may be so long whatever the limit of others is (RFC 4954 §4)."""
_AUTH = b"AUTH "
_BDAT = b"BDAT"

_LINE_END_AND_DOT = b"\r\n."
_END = b"\r\n.\r\n"


class Command(msgspec.Struct, frozen=True, gc=False):
    """A command line: the verb in capitals and the rest without the white space around it."""

    verb: bytes
    argument: bytes


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line that the host asked for (an answer to an AUTH challenge)."""

    octets: bytes


class LineTooLong(msgspec.Struct, frozen=True, gc=False):
    """A line beyond the limit; it was discarded up to its end. A pending request for a line is over with it. `announced_chunk`: True if
    the line was BDAT: the chunk size is unknown, so the stream cannot be resynchronised."""

    announced_chunk: bool = False


class BadLineEnd(msgspec.Struct, frozen=True, gc=False):
    """A bare CR or LF. Nothing after it can be trusted: answer and close."""


class Data(msgspec.Struct, frozen=True, gc=False):
    """Octets of the message, dots unstuffed."""

    octets: bytes


class DataEnd(msgspec.Struct, frozen=True, gc=False):
    """The message is complete. `has_nul` when it holds NUL octets, which no text may (RFC 5321 §2.3.1, RFC 6152 §1): a server
    that drops them would see other lines than we do."""

    has_nul: bool = False


class ChunkEnd(msgspec.Struct, frozen=True, gc=False):
    """All octets of a chunk have come."""


Event = Command | Line | LineTooLong | BadLineEnd | Data | DataEnd | ChunkEnd

_LINE_TOO_LONG = LineTooLong()
_CHUNK_LOST = LineTooLong(announced_chunk=True)
_BAD_LINE_END = BadLineEnd()
_DATA_END = DataEnd()
_DATA_END_WITH_NUL = DataEnd(has_nul=True)
_CHUNK_END = ChunkEnd()


class SmtpEngine:
    """One connection's reading side."""

    __slots__ = (
        "_arrived",
        "_at_line_start",
        "_broken",
        "_buffer",
        "_chunk",
        "_chunk_lost",
        "_ended",
        "_has_nul",
        "_in_data",
        "_max_line",
        "_skipping",
        "_start",
        "_waiting",
        "_want_line",
    )  # fmt: skip

    def __init__(self, max_line: int = MAX_COMMAND_LINE) -> None:
        self._buffer = b""
        self._start = 0
        self._arrived: list[bytes] = []
        self._waiting = 0
        self._max_line = max_line
        self._in_data = False
        self._has_nul = False
        self._chunk = -1
        self._chunk_lost = False
        self._at_line_start = True
        self._ended = False
        self._skipping = False
        self._want_line = False
        self._broken = False

    def receive(self, octets: bytes) -> None:
        """Add octets that arrived. The host stops reading while `buffered` is above its limit. After a `BadLineEnd` octets are
        dropped."""
        if self._broken:
            return
        if self._start == len(self._buffer) and not self._arrived:
            self._buffer, self._start = octets, 0
        else:
            self._arrived.append(octets)
            self._waiting += len(octets)

    @property
    def buffered(self) -> int:
        """Octets that wait."""
        return len(self._buffer) - self._start + self._waiting

    def start_data(self) -> None:
        """After 354: what follows is a message up to CRLF.CRLF."""
        self._in_data = True
        self._has_nul = False
        self._at_line_start = True

    def start_chunk(self, size: int) -> None:
        """After BDAT: the next `size` octets are a part of the message (RFC 3030 §2), and a `ChunkEnd` follows them."""
        self._chunk = size

    def expect_line(self) -> None:
        """The next line is no command but an answer to a challenge."""
        self._want_line = True

    def forget(self) -> None:
        """Drop the waiting input: nothing that was sent before a TLS handshake may be used after it (RFC 3207 §4.2)."""
        self._buffer, self._start = b"", 0
        self._arrived, self._waiting = [], 0

    def next_event(self) -> Event | None:
        """The next event, None when more octets are needed."""
        if self._broken:
            return None
        if self._ended:
            self._ended = False
            return self._data_end()
        while True:
            if self._start == len(self._buffer) and not self._arrived and self._chunk != 0:
                # let go of what is taken: it may be a large segment
                self._buffer, self._start = b"", 0
                return None
            if self._chunk >= 0:
                event = self._chunk_octets()
            else:
                event = self._data() if self._in_data else self._line()
            if event is not None:
                return event
            if not self._arrived:
                self._buffer, self._start = self._buffer[self._start :], 0
                return None
            self._join()

    def _join(self) -> None:
        """Only once what is there holds no further event, so that no octet is copied again and again."""
        self._buffer = self._buffer[self._start :] + b"".join(self._arrived)
        self._start = 0
        self._arrived, self._waiting = [], 0

    def _line(self) -> Event | None:
        buffer, start = self._buffer, self._start
        end = buffer.find(b"\n", start)
        if end < 0:
            if self._skipping or (len(buffer) - start > self._max_line and self._is_too_long(len(buffer))):
                self._skip()
                self._buffer, self._start = b"", 0
            return None
        if self._skipping or (end - start > self._max_line and self._is_too_long(end)):
            self._skip()
            self._start = end + 1
            self._skipping = self._want_line = False
            return _CHUNK_LOST if self._chunk_lost else _LINE_TOO_LONG
        self._start = end + 1
        cut = buffer.find(b"\r", start, end)
        if cut < 0 or cut != end - 1:
            return self._break()
        line = buffer[start:cut]
        if self._want_line:
            self._want_line = False
            return Line(line)
        # split at any white space: if a tab were part of the verb, the octets after such a BDAT would be read as commands here, while
        # other servers read them as a chunk
        words = line.split(None, 1)
        if len(words) == 2:
            return Command(words[0].upper(), words[1].rstrip())
        return Command(words[0].upper() if words else b"", b"")

    def _skip(self) -> None:
        """The line goes on or ends here, and is thrown away."""
        if not self._skipping:
            self._skipping = True
            self._chunk_lost = not self._want_line and self._begins_with(_BDAT)

    def _begins_with(self, verb: bytes) -> bool:
        """Of a line beyond the limit: blanks before a verb count no more than in any other, and what has not come may be it."""
        head = self._buffer[self._start : self._start + self._max_line].lstrip()[: len(verb)]
        return verb.startswith(head.upper())

    def _is_too_long(self, end: int) -> bool:
        """Of a line beyond the limit."""
        is_auth = self._want_line or self._begins_with(_AUTH)
        return not is_auth or end - self._start > max(MAX_AUTH_LINE, self._max_line)

    def _chunk_octets(self) -> Event | None:
        if self._chunk == 0:
            self._chunk = -1
            return _CHUNK_END
        start = self._start
        end = min(len(self._buffer), start + self._chunk)
        if end == start:
            return None
        self._start = end
        self._chunk -= end - start
        return Data(self._buffer[start:end])

    def _data(self) -> Event | None:
        buffer, start = self._buffer, self._start
        if self._at_line_start and buffer.startswith(b".", start):
            if buffer.startswith(b".\n", start):
                return self._break()
            if len(buffer) - start < 3:
                return None
            if buffer.startswith(b".\r\n", start):
                self._start = start + 3
                self._in_data = False
                return self._data_end()
        # one search tells of the end and of lines that begin with a dot: as a rule the first such line is the end
        dot = end = buffer.find(_LINE_END_AND_DOT, start)
        if dot >= 0 and not buffer.startswith(_END, dot):
            end = buffer.find(_END, dot)
        if end >= 0:
            chunk = buffer[start : end + 2]
            self._start = end + 5
            self._in_data = False
            self._ended = True
        else:
            # the last octets may be the beginning of the end
            cut = len(buffer) - 4
            if cut <= start:
                return None
            if buffer[cut - 1] == 0x0D:
                cut -= 1
                if cut == start:
                    return None
            chunk = buffer[start:cut]
            self._start = cut
        if has_bare_line_ends(chunk):
            return self._break()
        if 0 in chunk:
            self._has_nul = True
        is_stuffed = 0 <= dot - start < len(chunk) - 2
        octets = chunk.replace(_LINE_END_AND_DOT, b"\r\n") if is_stuffed else chunk
        if self._at_line_start and octets.startswith(b"."):
            octets = octets[1:]
        self._at_line_start = chunk.endswith(b"\r\n")
        return Data(octets)

    def _data_end(self) -> Event:
        return _DATA_END_WITH_NUL if self._has_nul else _DATA_END

    def _break(self) -> Event:
        self._broken = True
        self.forget()
        return _BAD_LINE_END
