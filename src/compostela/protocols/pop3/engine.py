"""The POP3 server's engine: octets in, events out. No socket, clock or `await`.

The host feeds `receive`, takes one event at a time with `next_event`, and says with `answered` how a command ended, which moves
the state. So pipelined commands (RFC 2449 §6.6) wait in a bounded buffer, and each is judged in the state that the one before it
has left. Any split of the input gives the same events.

A command that may not be given now, or is not of the grammar's form, is a `Faulty` event with the text of its reply. A line beyond
the limit ends the session: what follows it cannot be told from commands.
"""

from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.protocols.input_buffer import InputBuffer
from compostela.protocols.pop3.commands import Command
from compostela.protocols.pop3.grammar import parse
from compostela.protocols.pop3.states import State, after, allows

MAX_LINE = 8192
"""Octets of a command line with its end. RFC 2449 §4 lets clients send 255; passwords and names in UTF-8 may be longer."""
MAX_AUTH_LINE = 12_288
"""Octets of a line of an AUTH exchange (RFC 4954 §4; access tokens and Kerberos tickets are long)."""
_WRONG_STATE = "Command not valid in this state."
_AUTH = b"AUTH "


@dataclass(frozen=True, slots=True)
class Received:
    """A command that may be given in the current state."""

    command: Command


@dataclass(frozen=True, slots=True)
class Faulty:
    """A command to be refused with this text."""

    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """The client's answer to a challenge."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LineTooLong:
    """No further event follows: answer and close."""


Event = Received | Faulty | Line | LineTooLong

_LINE_TOO_LONG = LineTooLong()


class Pop3Engine(InputBuffer):
    """The reading side of one connection, and its state."""

    __slots__ = ("_want_line", "state")

    def __init__(self) -> None:
        super().__init__()
        self.state = State.AUTHORIZATION
        self._want_line = False

    @property
    def _is_over(self) -> bool:
        return self.state is State.ENDED

    def answered(self, command: Command, *, ok: bool) -> None:
        """The command was answered with `+OK` or `-ERR`: move to the state after it."""
        self._want_line = False
        self.state = after(self.state, command, ok=ok)

    def expect_line(self) -> None:
        """A challenge was sent: the next line is an answer, not a command."""
        self._want_line = True

    def forget(self) -> None:
        """Drop what waits and return to the first state: nothing from before a TLS handshake counts after it (RFC 2595 §4)."""
        self._drop()
        self._want_line = False
        self.state = State.AUTHORIZATION

    def next_event(self) -> Event | None:
        """The next event, None if more octets are needed."""
        if self.state in (State.UPDATE, State.ENDED):
            return None
        end = self._buffer.find(b"\n", max(self._at, self._searched))
        size = (len(self._buffer) if end < 0 else end + 1) - self._at
        if size > MAX_LINE and size > self._limit():
            self.state = State.ENDED
            self._drop()
            return _LINE_TOO_LONG
        if end < 0:
            self._searched = len(self._buffer)
            return None
        line = self._buffer[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        if self._want_line:
            self._want_line = False
            return Line(line)
        return self._command(line)

    def _limit(self) -> int:
        is_auth = self._want_line or self._buffer[self._at : self._at + len(_AUTH)].upper() == _AUTH
        return MAX_AUTH_LINE if is_auth else MAX_LINE

    def _command(self, line: bytes) -> Event:
        try:
            command = parse(line)
        except InvalidArgument as wrong:
            return Faulty(str(wrong))
        if not allows(self.state, command):
            return Faulty(_WRONG_STATE)
        return Received(command)
