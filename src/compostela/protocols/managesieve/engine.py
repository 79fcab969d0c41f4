"""The ManageSieve server's engine: octets in, events out. No socket, clock or `await`.

The host feeds `receive`, takes one event at a time with `next_event`, and says with `answered` how a command ended, which moves the
state; so pipelined commands wait in a bounded buffer and each is judged in the state that the one before it has left. Any split of
the input gives the same events.

Clients send literals without waiting (`{n+}`, RFC 5804 §4); `{n}` is taken alike. A literal beyond its limit is skipped and its
command refused, so that the session goes on; one beyond `MAX_SKIPPED` ends the session. Everything that is collected is bounded: the
lines of one command together by `MAX_LINE`, its literals together by a limit before the login and another after it.
"""

import re
from dataclasses import dataclass

from compostela.base.errors import InvalidArgument
from compostela.protocols.input_buffer import InputBuffer
from compostela.protocols.managesieve.commands import Command
from compostela.protocols.managesieve.grammar import UnknownCommand, base64_response, parse
from compostela.protocols.managesieve.lexer import Atom, String, Token, tokenise
from compostela.protocols.managesieve.states import State, after, allows

MAX_LINE = 16_384
"""Octets of a command without its literals; tokens of AUTHENTICATE are long."""
MAX_LITERALS_BEFORE_LOGIN = 16_384
MAX_SCRIPT_BYTES = 1024 * 1024
"""Default limit of a script."""
MAX_NAMES = 8192
"""Octets of literals beside the script: names."""
MAX_SKIPPED = 64 * 1024 * 1024
"""Octets of a refused literal that are read and dropped."""
SYNTAX = "ManageSieve syntax is incorrect: "
_WRONG_STATE = "Command not valid in this state"
_TOO_LARGE = "Too large"
_LITERAL = re.compile(rb"\{([0-9]+)\+?\}\Z")
_MAX_DIGITS = 10
_BLANK = (b" ", b"\t")
_SCRIPT_COMMANDS = (b"PUTSCRIPT", b"CHECKSCRIPT")


@dataclass(frozen=True, slots=True)
class Received:
    """A command that may be given in the current state."""

    command: Command


@dataclass(frozen=True, slots=True)
class Faulty:
    """A command to be refused with NO and this text. `too_large`: its script is beyond the limit, which QUOTA/MAXSIZE tells."""

    text: str
    too_large: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """The client's answer to a challenge: base64, or None if it cancels the exchange. What is no answer is `Faulty`; the host then
    refuses AUTHENTICATE."""

    octets: bytes | None


@dataclass(frozen=True, slots=True)
class Broken:
    """No further event follows: answer with BYE and this text, and close."""

    text: str


Event = Received | Faulty | Answer | Broken


class ManageSieveEngine(InputBuffer):
    """The reading side of one connection, and its state."""

    __slots__ = (
        "_fault", "_left", "_line_bytes", "_literal", "_literal_bytes", "_max_script_bytes", "_tokens",
        "_want_answer", "state",
    )  # fmt: skip

    def __init__(self, max_script_bytes: int = MAX_SCRIPT_BYTES) -> None:
        super().__init__()
        self.state = State.NON_AUTHENTICATED
        self._max_script_bytes = max_script_bytes
        self._want_answer = False
        self._reset()

    def _reset(self) -> None:
        """Before a new command."""
        self._tokens: list[Token] = []
        self._fault: Faulty | None = None
        self._literal: bytearray | None = None
        self._left = 0
        self._line_bytes = 0
        self._literal_bytes = 0

    # the host's side

    @property
    def _is_over(self) -> bool:
        return self.state is State.ENDED

    def answered(self, command: Command, *, ok: bool) -> None:
        """The command was answered with OK or NO: move to the state after it."""
        self._want_answer = False
        self.state = after(self.state, command, ok=ok)

    def expect_answer(self) -> None:
        """A challenge was sent: a string follows, not a command."""
        self._want_answer = True

    def forget(self) -> None:
        """Drop what waits: nothing from before a TLS handshake counts after it (RFC 5804 §2.2). For the host to call before the
        handshake."""
        self._drop()
        self._want_answer = False
        self._reset()

    def next_event(self) -> Event | None:
        """The next event, None if more octets are needed."""
        while self.state is not State.ENDED:
            if self._left:
                if not self._take_literal():
                    return None
                continue
            line = self._take_line()
            if line is None:
                return None
            self._line_bytes += len(line)
            if self._line_bytes > MAX_LINE:
                return self._break("Line too long")
            marker = _LITERAL.search(line) if line.endswith(b"}") else None
            if marker is None:
                self._add_tokens(line)
                return self._complete()
            self._add_tokens(line[: marker.start()], before_literal=True)
            if len(marker[1]) > _MAX_DIGITS or int(marker[1]) > MAX_SKIPPED:
                return self._break(_TOO_LARGE)
            self._begin_literal(int(marker[1]))
        return None

    # octets

    def _take_literal(self) -> bool:
        """Take as much of a literal as is there. Return False if nothing is."""
        octets = self._buffer[self._at : self._at + self._left]
        if not octets:
            return False
        self._at += len(octets)
        self._left -= len(octets)
        if self._literal is not None:
            self._literal += octets
            if not self._left:
                self._end_literal()
        return True

    def _take_line(self) -> bytes | None:
        """A line without its end; None if it is not complete. A line that is too long is given as far as it is there."""
        end = self._buffer.find(b"\n", max(self._at, self._searched))
        if end < 0:
            # a CR may be the first half of the line end
            if self.buffered > MAX_LINE + 1:
                return self._buffer[self._at :]
            self._searched = len(self._buffer)
            return None
        line = self._buffer[self._at : end].removesuffix(b"\r")
        self._at = end + 1
        return line

    def _break(self, text: str) -> Broken:
        self.state = State.ENDED
        self._drop()
        self._reset()
        return Broken(text)

    # commands

    def _add_tokens(self, piece: bytes, *, before_literal: bool = False) -> None:
        """Take a line, or a piece of one. Spaces separate it from literals."""
        if self._fault is not None:
            return
        after_literal = bool(self._tokens)
        if piece and ((after_literal and piece[:1] not in _BLANK) or (before_literal and piece[-1:] not in _BLANK)):
            self._fault = Faulty(f"{SYNTAX}missing space")
            return
        try:
            self._tokens += tokenise(piece)
        except InvalidArgument as wrong:
            self._fault = Faulty(f"{SYNTAX}{wrong}")

    def _begin_literal(self, size: int) -> None:
        self._literal_bytes += size
        if self._fault is None:
            self._fault = self._too_large(size)
        self._left = size
        self._literal = bytearray() if self._fault is None else None
        if not size and self._literal is not None:
            self._end_literal()

    def _end_literal(self) -> None:
        assert self._literal is not None
        self._tokens.append(String(bytes(self._literal)))
        self._literal = None

    def _too_large(self, size: int) -> Faulty | None:
        """The refusal of a literal, None if it is within the limits."""
        if self.state is State.NON_AUTHENTICATED:
            return Faulty(_TOO_LARGE) if self._literal_bytes > MAX_LITERALS_BEFORE_LOGIN else None
        if size > self._max_script_bytes:
            return Faulty(_TOO_LARGE, too_large=self._is_script())
        return Faulty(_TOO_LARGE) if self._literal_bytes > self._max_script_bytes + MAX_NAMES else None

    def _is_script(self) -> bool:
        first = self._tokens[0] if self._tokens else None
        return isinstance(first, Atom) and first.octets.upper() in _SCRIPT_COMMANDS

    def _complete(self) -> Event:
        tokens, fault = self._tokens, self._fault
        self._reset()
        if self._want_answer:
            self._want_answer = False
            return self._answer(tokens, fault)
        if fault is not None:
            return fault
        try:
            command = parse(tokens)
        except UnknownCommand:
            return Faulty("Unknown command")
        except InvalidArgument as wrong:
            return Faulty(f"{SYNTAX}{wrong}")
        return Received(command) if allows(self.state, command) else Faulty(_WRONG_STATE)

    @staticmethod
    def _answer(tokens: list[Token], fault: Faulty | None) -> Event:
        """RFC 5804 §2.1. What is no answer ends the exchange: the host refuses its command."""
        if fault is not None:
            return fault
        match tokens:
            case [String(b"*")]:
                return Answer(None)
            case [String(octets)]:
                try:
                    return Answer(base64_response(octets))
                except InvalidArgument as wrong:
                    return Faulty(f"{SYNTAX}{wrong}")
            case _:
                return Faulty(f"{SYNTAX}a string is expected")
