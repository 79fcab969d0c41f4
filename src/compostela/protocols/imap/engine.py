"""The IMAP server's engine: octets in, events out. No socket, no clock, no `await`.

The host feeds `receive` and takes one event at a time with `next_event`; so commands that a client sends ahead wait in a
bounded buffer. Any split of the input gives the same events, save that `AppendData` comes in other pieces.

APPEND's message is not collected: an `AppendStarted` event has the arguments before it, then come `AppendData` and, at the
end of the command, `AppendEnded`. The host decides whether a client that waits may send its message: with `+ Ok`, or
with `refuse_append`. All that is collected has a limit: a line, the lines of one command together, its literals together.
"""

import enum
import re
from dataclasses import dataclass

import msgspec

from compostela.protocols.imap import commands
from compostela.protocols.imap.lexer import ILLEGAL, String, SyntaxFault, tokenise
from compostela.protocols.imap.parser import UnknownCommand, parse, parse_append, parse_line
from compostela.protocols.imap.search_keys import BadCharset
from compostela.protocols.input_buffer import InputBuffer

MAX_LINE = 65_536
MAX_SHORT_LITERALS = 8 * 1024
"""The literals of a command together: names, passwords and the like."""
MAX_LITERALS = 1024 * 1024
"""The same for SEARCH after the login."""
MAX_MESSAGE_BYTES = 2**32 - 1
"""Larger numbers are not of the grammar (RFC 3501 §9, number)."""
MAX_TAG = 64
_TAG = rb"[^\x00-\x20(){%%*\"\\+\x7f-\xff]{1,%d}" % MAX_TAG
_HEAD = re.compile(rb"(%b) ((?:[Uu][Ii][Dd] )?[A-Za-z]{1,32})(?: |\Z)" % _TAG)
_TAG_ALONE = re.compile(rb"(%b)(?: |\Z)" % _TAG)
_SHORT = re.compile(rb"%b (?:NOOP|CHECK|LOGOUT|CAPABILITY|IDLE)\r?\n|DONE\r?\n" % _TAG, re.IGNORECASE)
_LITERAL = re.compile(rb"\{([0-9]{1,20})(\+?)\}\Z")


class Received(msgspec.Struct, frozen=True, gc=False):
    """A whole command; `name` in capitals, with its `UID ` if there is one."""

    tag: bytes
    name: str
    command: commands.Command


@dataclass(frozen=True, slots=True)
class Faulty:
    """A command that cannot be parsed; `tag` is `*` if it had none. `unknown`: there is no command of that name."""

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
    """The command is complete. With a `fault`, what followed the message was not of the grammar's form: the message must
    not be stored, and the answer is BAD with this text."""

    fault: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the host asked for: an answer to a challenge, or DONE."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """Nothing after it can be trusted: answer BAD and close. `tag` is `*` where it is not known."""

    tag: bytes = b"*"


Event = Received | Faulty | Continue | AppendStarted | AppendData | AppendEnded | Line | LineTooLong

_CONTINUE = Continue()
_APPEND_ENDED = AppendEnded()


class _Literal(enum.Enum):
    """What becomes of the octets of a literal."""

    ARGUMENT = "kept until the command is complete"
    MESSAGE = "given to the host as they come"
    UNWANTED = "thrown away"


class ImapEngine(InputBuffer):
    """One connection's reading side."""

    __slots__ = (
        "_argument", "_broken", "_discards", "_fault", "_in_append", "_left", "_literal", "_literals",
        "_logged_in", "_max_line", "_pieces", "_text", "_want_line",
    )  # fmt: skip

    def __init__(self, max_line: int = MAX_LINE) -> None:
        super().__init__()
        self._max_line = max_line
        self._logged_in = False
        self._broken = False
        self._want_line = False
        self._reset()

    def _reset(self) -> None:
        """Before a new command."""
        self._pieces: list[bytes | String] = []
        self._text = 0
        self._literals = 0
        self._literal = _Literal.ARGUMENT
        self._left = 0
        self._argument: bytearray | None = None
        self._in_append = False
        self._discards = False
        self._fault: Event | None = None

    # the host's side

    @property
    def _is_over(self) -> bool:
        return self._broken

    def logged_in(self) -> None:
        """Larger literals are taken from now on."""
        self._logged_in = True

    def expect_line(self) -> None:
        """The next line is no command."""
        self._want_line = True

    def forget(self) -> None:
        """Drop the waiting input: nothing from before a TLS handshake may be used after it."""
        self._drop()
        self._reset()

    def refuse_append(self, *, sent: bool) -> None:
        """The message of the APPEND that has just started is not wanted; `sent`: it comes all the same and is skipped."""
        if sent:
            self._literal = _Literal.UNWANTED
            self._discards = True
        else:
            self._reset()

    def next_event(self) -> Event | None:
        """The next event, None when more octets are needed."""
        while not self._broken:
            if self._at == len(self._buffer):
                return None
            if self._left:
                message = self._take_literal()
                if message is not None:
                    return message
                continue
            line = self._take_line()
            if line is None:
                return self._break_off(self._buffer[self._at :]) if self._broken else None
            event = self._dealt_with(line)
            if event is not None:
                return event
        return None

    def _break_off(self, line: bytes) -> Event:
        """The end of all reading. `line` begins the command if nothing of it was read before."""
        no_tag = self._want_line or self._in_append or self._discards
        tag = b"*" if no_tag else _tag_of((self._pieces[0] if self._pieces else line)[: MAX_TAG + 1])
        self._broken = True
        self._drop()
        return LineTooLong(tag)

    @property
    def is_at_short_command(self) -> bool:
        """True if the input is exactly one line, and this line is a complete short command."""
        return not self._left and not self._pieces and _SHORT.fullmatch(self._buffer, self._at) is not None

    # octets

    def _take_literal(self) -> AppendData | None:
        """As much of a literal as is there."""
        octets = self._buffer[self._at : self._at + self._left]
        self._at += len(octets)
        self._left -= len(octets)
        if self._literal is _Literal.MESSAGE:
            return AppendData(octets)
        if self._literal is _Literal.ARGUMENT:
            assert self._argument is not None
            self._argument += octets
        return None

    def _take_line(self) -> bytes | None:
        """A line without its end; None when it is not complete, or too long."""
        end = self._buffer.find(b"\n", max(self._at, self._searched))
        size = (len(self._buffer) if end < 0 else end) - self._at
        if size > self._max_line:
            self._broken = True
            return None
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = self._buffer[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        return line

    # lines

    def _dealt_with(self, line: bytes) -> Event | None:
        """What a line makes; None when the command goes on."""
        if self._want_line:
            self._want_line = False
            return Line(line)
        is_last = not line.endswith(b"}")
        if is_last and not (self._pieces or self._in_append or self._discards):
            # nearly every command is one line, and leaves the engine as it was
            return _command_of([line])
        if self._argument is not None:
            self._pieces.append(String(self._argument))
            self._argument = None
        marker = None if is_last else _LITERAL.search(line)
        if self._in_append and line and not self._discards:
            # one message only (no MULTIAPPEND), and nothing after it
            self._discards, self._fault = True, AppendEnded(ILLEGAL)
        if self._discards:
            return self._discard(marker)
        if self._in_append:
            self._reset()
            return _APPEND_ENDED
        self._text += len(line)
        if self._text > self._max_line:
            return self._break_off(line)
        if marker is None:
            pieces = [*self._pieces, line]
            self._reset()
            return _command_of(pieces)
        self._pieces.append(line[: marker.start()])
        return self._begin_literal(int(marker.group(1)), waits=not marker.group(2))

    def _discard(self, marker: re.Match[bytes] | None) -> Event | None:
        """Passes over the rest of a command; at its end comes its fault. A client that waits has ended it."""
        if marker is not None and marker.group(2):
            self._literal, self._left = _Literal.UNWANTED, int(marker.group(1))
            return None
        fault = self._fault
        self._reset()
        return fault

    def _begin_literal(self, size: int, *, waits: bool) -> Event | None:
        head = _HEAD.match(self._pieces[0])
        if head is not None and head.group(2).upper() == b"APPEND" and self._has_mailbox(head):
            return self._begin_append(head, size, waits=waits)
        self._literals += size
        is_search = head is not None and head.group(2).upper().removeprefix(b"UID ") == b"SEARCH"
        if self._literals > (MAX_LITERALS if self._logged_in and is_search else MAX_SHORT_LITERALS):
            return self._too_large(size, waits=waits)
        self._literal, self._left, self._argument = _Literal.ARGUMENT, size, bytearray()
        return _CONTINUE if waits else None

    def _has_mailbox(self, head: re.Match[bytes]) -> bool:
        """Whether the mailbox came before the literal, so that the literal is the message."""
        return len(self._pieces) > 1 or bool(self._pieces[0][head.end() :].strip())

    def _too_large(self, size: int, *, waits: bool) -> Event | None:
        if not waits and not self._logged_in:
            return self._break_off(b"")
        return self._faulty(Faulty(_tag_of(self._pieces[0]), "", "Literal size exceeded."), size, waits=waits)

    def _faulty(self, fault: Faulty, size: int, *, waits: bool) -> Event | None:
        """A command that fails before its literal: the literal is skipped when it comes all the same."""
        self._reset()
        if waits:
            return fault
        self._discards, self._fault = True, fault
        self._literal, self._left = _Literal.UNWANTED, size
        return None

    def _begin_append(self, head: re.Match[bytes], size: int, *, waits: bool) -> Event | None:
        tag, pieces = head.group(1), self._pieces
        try:
            command = parse_append(tokenise([pieces[0][head.end() :], *pieces[1:]]), size)
        except SyntaxFault as fault:
            return self._faulty(Faulty(tag, "APPEND", str(fault)), size, waits=waits)
        if size > MAX_MESSAGE_BYTES:
            return self._faulty(Faulty(tag, "APPEND", "Literal size exceeded."), size, waits=waits)
        self._reset()
        self._in_append = True
        self._literal, self._left = _Literal.MESSAGE, size
        return AppendStarted(tag, command, waits)


def _command_of(pieces: list[bytes | String]) -> Event:
    """What a whole command makes."""
    head = _HEAD.match(pieces[0])
    if head is None:
        return Faulty(_tag_of(pieces[0]), "", "Unknown command.", unknown=True)
    tag, word = head.groups()
    name = word.decode().upper()
    try:
        rest = pieces[0][head.end() :]
        command = parse_line(name, rest) if len(pieces) == 1 else parse(name, tokenise([rest, *pieces[1:]]))
    except SyntaxFault as fault:
        return Faulty(tag, name, str(fault), isinstance(fault, UnknownCommand))
    except BadCharset as fault:
        return Faulty(tag, name, str(fault), bad_charset=True)
    return Received(tag, name, command)


def _tag_of(line: bytes) -> bytes:
    found = _TAG_ALONE.match(line)
    return found.group(1) if found is not None else b"*"
