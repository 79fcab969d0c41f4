"""The IMAP server's engine: octets in, events out. No socket, no clock, no `await`.

The host feeds `receive` and takes one event at a time with `next_event`; so commands that a client sends ahead wait in a
bounded buffer. Any split of the input gives the same events.

APPEND's message is not collected: an `AppendStarted` event tells what stands before it, then come `AppendData` and, at the
end of the command, `AppendEnded`. Whether a client that waits may send its literal is the host's to say, with `accept`.
"""

import re
from dataclasses import dataclass

from compostela.protocols.imap import commands
from compostela.protocols.imap.lexer import String, SyntaxFault, tokenise
from compostela.protocols.imap.parser import UnknownCommand, parse, parse_append
from compostela.protocols.imap.search_keys import BadCharset

MAX_LINE = 65_536
MAX_LITERALS_BEFORE_LOGIN = 8 * 1024
MAX_LITERALS = 1024 * 1024
_HEAD = re.compile(rb"([^\s(){%*\"\\+\x00-\x1f\x7f-\xff]{1,64}) ([A-Za-z]+)(?: |\Z)")
_LITERAL = re.compile(rb"\{(\d{1,20})(\+?)\}\Z")


@dataclass(frozen=True, slots=True)
class Received:
    """A whole command."""

    tag: bytes
    name: str
    command: commands.Command


@dataclass(frozen=True, slots=True)
class Faulty:
    """A command that cannot be read; `tag` is `*` when not even that was there. `unknown`: nobody knows its name."""

    tag: bytes
    name: str
    text: str
    unknown: bool = False
    bad_charset: bool = False


@dataclass(frozen=True, slots=True)
class Continue:
    """Tell the client to send its literal: `+ Ok`."""


@dataclass(frozen=True, slots=True)
class AppendStarted:
    """`waits`: the client sends the message only after `+`; answer with `accept` or `refuse_append`."""

    tag: bytes
    command: commands.Append
    waits: bool


@dataclass(frozen=True, slots=True)
class AppendData:
    octets: bytes


@dataclass(frozen=True, slots=True)
class AppendEnded:
    """The command is complete."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the host asked for: an answer to a challenge, or DONE."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """Nothing after it can be trusted: answer and close."""


Event = Received | Faulty | Continue | AppendStarted | AppendData | AppendEnded | Line | LineTooLong

_CONTINUE = Continue()
_APPEND_ENDED = AppendEnded()
_LINE_TOO_LONG = LineTooLong()


class ImapEngine:
    """One connection's reading side."""

    __slots__ = (
        "_append_left", "_broken", "_buffer", "_literal", "_literals", "_logged_in", "_max_line", "_pieces", "_skip",
        "_want_line",
    )  # fmt: skip

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._buffer = b""
        self._max_line = max_line
        self._pieces: list[bytes | String] = []
        self._literal = -1
        self._literals = 0
        self._append_left = -1
        self._skip = 0
        self._want_line = False
        self._logged_in = False
        self._broken = False

    def receive(self, octets: bytes) -> None:
        self._buffer = self._buffer + octets if self._buffer else octets

    @property
    def buffered(self) -> int:
        return len(self._buffer)

    def logged_in(self) -> None:
        """Larger literals are taken from now on."""
        self._logged_in = True

    def expect_line(self) -> None:
        """The next line is no command."""
        self._want_line = True

    def forget(self) -> None:
        """Throws away what waits: nothing from before a TLS handshake may live on behind it."""
        self._buffer = b""

    def refuse_append(self, *, sent: bool) -> None:
        """The message of the APPEND that has just started is not wanted; `sent`: it comes all the same and is skipped."""
        self._skip = self._append_left if sent else 0
        self._append_left = -1
        self._pieces = []

    def next_event(self) -> Event | None:
        """The next event, None when more octets are needed."""
        if self._broken:
            return None
        if self._skip:
            skipped = min(self._skip, len(self._buffer))
            self._skip -= skipped
            self._buffer = self._buffer[skipped:]
            if self._skip:
                return None
            self._pieces = [b""]
            self._append_left = -2
        if self._append_left >= 0:
            return self._append()
        if self._literal >= 0:
            if len(self._buffer) < self._literal:
                return None
            self._pieces.append(String(self._buffer[: self._literal]))
            self._buffer = self._buffer[self._literal :]
            self._literal = -1
        return self._line()

    def _append(self) -> Event | None:
        if self._append_left:
            if not self._buffer:
                return None
            octets, self._buffer = self._buffer[: self._append_left], self._buffer[self._append_left :]
            self._append_left -= len(octets)
            return AppendData(octets)
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        self._buffer = self._buffer[end + 1 :]
        self._append_left = -1
        return _APPEND_ENDED

    def _line(self) -> Event | None:
        end = self._buffer.find(b"\n")
        if end > self._max_line or (end < 0 and len(self._buffer) > self._max_line):
            self._broken = True
            return _LINE_TOO_LONG
        if end < 0:
            return None
        line = self._buffer[:end].removesuffix(b"\r")
        self._buffer = self._buffer[end + 1 :]
        if self._append_left == -2:
            # the rest of the line of an APPEND whose literal was skipped
            self._append_left = -1
            self._pieces = []
            return self.next_event()
        if self._want_line:
            self._want_line = False
            return Line(line)
        if line.endswith(b"}"):
            marker = _LITERAL.search(line)
            if marker is not None:
                return self._begin_literal(line[: marker.start()], int(marker.group(1)), marker.group(2) == b"")
        self._pieces.append(line)
        return self._complete()

    def _begin_literal(self, line: bytes, size: int, waits: bool) -> Event | None:
        self._pieces.append(line)
        head = _HEAD.match(self._pieces[0])
        if head is not None and head.group(2).upper() == b"APPEND" and self._has_mailbox(head):
            return self._begin_append(head.group(1), size, waits)
        self._literals += size
        if self._literals > (MAX_LITERALS if self._logged_in else MAX_LITERALS_BEFORE_LOGIN):
            tag = head.group(1) if head is not None else b"*"
            self._reset()
            if not waits:
                self._broken = True
                return _LINE_TOO_LONG
            return Faulty(tag, "", "Literal size exceeded.")
        self._literal = size
        return _CONTINUE if waits else self.next_event()

    def _has_mailbox(self, head: re.Match[bytes]) -> bool:
        """Whether the mailbox stands before the literal, so that the literal is the message."""
        return len(self._pieces) > 1 or bool(self._pieces[0][head.end() :].strip())

    def _begin_append(self, tag: bytes, size: int, waits: bool) -> Event:
        first = _HEAD.match(self._pieces[0])
        assert first is not None
        try:
            tokens = tokenise([self._pieces[0][first.end() :], *self._pieces[1:]])
            command = parse_append(tokens, size)
        except SyntaxFault as fault:
            self._reset()
            if not waits:
                self._append_left = size
                self.refuse_append(sent=True)
            return Faulty(tag, "APPEND", str(fault))
        self._reset()
        self._append_left = size
        return AppendStarted(tag, command, waits)

    def _complete(self) -> Event:
        pieces = self._pieces
        self._reset()
        head = _HEAD.match(pieces[0])
        if head is None:
            tag = pieces[0].split(b" ")[0][:64]
            return Faulty(tag if tag.isalnum() else b"*", "", "Unknown command.", unknown=True)
        tag, name = head.group(1), head.group(2).decode().upper()
        try:
            return Received(tag, name, parse(name, tokenise([pieces[0][head.end() :], *pieces[1:]])))
        except SyntaxFault as fault:
            return Faulty(tag, name, str(fault), isinstance(fault, UnknownCommand))
        except BadCharset as fault:
            return Faulty(tag, name, str(fault), bad_charset=True)

    def _reset(self) -> None:
        self._pieces = []
        self._literals = 0
        self._literal = -1
