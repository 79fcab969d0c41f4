"""The SMTP and LMTP client's engine: commands in, octets out; octets in, answers out. No socket, no clock, no `await`.

Queue commands with `say`, write what `to_send` gives, feed what arrives to `receive`, and take each reply with `next_answer`, which
tells what it answers. The engine keeps the order of RFC 2920: where the server offers PIPELINING a group of commands goes out at once,
otherwise one command at a time. Nothing goes out before the greeting has come, inside a message, or between the go-ahead for TLS and the
end of the handshake. The host reads only while an answer is `awaited`, so what the engine keeps is bounded. Any split of the input gives
the same answers.
"""

import enum
import re
from collections import deque
from functools import lru_cache

from compostela.base.errors import CompostelaError, InvalidArgument
from compostela.mime.lines import stuffed
from compostela.protocols.input_buffer import InputBuffer
from compostela.protocols.smtp.capabilities import NOTHING_OFFERED, Capabilities
from compostela.protocols.smtp.client_reply import Reply

MAX_REPLY_LINES = 100
MAX_LINE_BYTES = 4096
"""Of a line of a reply (RFC 5321 §4.5.3.1.5 wants at least 512)."""
MAX_AUTH_COMMAND = 510
"""An AUTH command that is longer says its response after the server's challenge (RFC 4954 §4, RFC 5321 §4.5.3.1.4)."""
GREETING = "the connection"
"""What the server's greeting answers."""
MESSAGE = "the message"
"""What the reply after the final dot answers."""
MAX_SHOWN = 80
"""Octets of an answer that is not SMTP, in the error."""
_MORE = 334
_REPLY = re.compile(rb"(\d{3})([ -]?)(.*)")
_LAST_OF_GROUP = frozenset({
    GREETING, MESSAGE, "EHLO", "HELO", "LHLO", "AUTH", "DATA", "EXPN", "NOOP", "QUIT", "STARTTLS", "VRFY",
})  # fmt: skip
"""No command goes out while one of these has no answer (RFC 2920 §3.1, RFC 3207 §4, RFC 4954 §4)."""


class PeerError(CompostelaError):
    """The server does not speak SMTP, or breaks off in the middle. No answer follows."""


class Phase(enum.Enum):
    """What the client may send."""

    COMMANDS = "commands"
    MESSAGE = "the lines of a message"
    HANDSHAKE = "a TLS handshake"


class Answer:
    """A reply and what it answers: the verb of a command, `GREETING` or `MESSAGE`."""

    __slots__ = ("reply", "to")

    def __init__(self, to: str, reply: Reply) -> None:
        self.to = to
        self.reply = reply


class SmtpClientEngine(InputBuffer):
    """One connection. It begins with the wait for the greeting."""

    __slots__ = (
        "_auth_response", "_awaited", "_failure", "_has_ended", "_last_octets", "_lines", "_unsent", "capabilities", "phase",
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.capabilities: Capabilities = NOTHING_OFFERED
        self.phase = Phase.COMMANDS
        self._awaited: deque[str] = deque([GREETING])
        self._unsent: deque[tuple[str, bytes]] = deque()
        self._lines: list[str] = []
        self._auth_response = b""
        self._last_octets = b""
        self._has_ended = False
        self._failure = ""

    # what the client says

    def say(self, line: str | bytes, octets: bytes = b"") -> None:
        """Queue a command. `octets` follow it at once: the chunk of BDAT (RFC 3030). Raises `InvalidArgument` for a line that would
        be more than one command."""
        encoded = line.encode() if isinstance(line, str) else line
        if b"\r" in encoded or b"\n" in encoded:
            raise InvalidArgument("a command is one line")
        verb = encoded.partition(b" ")[0].decode("ascii", "replace").upper()
        self._unsent.append((verb, encoded + b"\r\n" + octets))

    def authenticate(self, mechanism: str, response: bytes) -> None:
        """Queue AUTH with the initial response in base64, which goes after the server's challenge if the line would be too long."""
        command = b"AUTH %b" % mechanism.encode()
        if len(command) + 1 + len(response) > MAX_AUTH_COMMAND:
            self._auth_response = response
            self.say(command)
        else:
            self.say(b"%b %b" % (command, response))

    def to_send(self) -> bytes:
        """Take the octets that may be written now; empty while an answer must come first."""
        if not self._unsent:
            return b""
        out: list[bytes] = []
        while self._unsent and self._may_send:
            verb, octets = self._unsent.popleft()
            self._awaited.append(verb)
            out.append(octets)
        return b"".join(out)

    @property
    def _may_send(self) -> bool:
        if self.phase is not Phase.COMMANDS:
            return False
        return not self._awaited or ("PIPELINING" in self.capabilities and self._awaited[-1] not in _LAST_OF_GROUP)

    def withdraw(self) -> int:
        """Drop the commands that have not gone out. Return how many they were."""
        count = len(self._unsent)
        self._unsent.clear()
        return count

    def message_lines(self, octets: bytes) -> bytes:
        """Return a piece of the message, dots stuffed (RFC 5321 §4.5.2), to be written. Its line ends are CRLF already."""
        self._must_be(Phase.MESSAGE)
        last = self._last_octets
        if last in (b"", b"\r\n"):
            lines = stuffed(octets)
        else:
            body = octets.replace(b"\n.", b"\n..")
            lines = b"." + body if last.endswith(b"\n") and octets.startswith(b".") else body
        self._last_octets = octets[-2:] if len(octets) > 1 else (last + octets)[-2:]
        return lines

    def end_of_message(self) -> bytes:
        """Return the final dot, to be written after the last piece; its answer is that to `MESSAGE`."""
        self._must_be(Phase.MESSAGE)
        self.phase = Phase.COMMANDS
        self._awaited.append(MESSAGE)
        return b".\r\n" if self._last_octets in (b"", b"\r\n") else b"\r\n.\r\n"

    def begin_tls(self) -> None:
        """Call it right before the handshake that STARTTLS has asked for, when all octets that have come are received. What the server
        offers is forgotten: it has to say it anew (RFC 3207 §4.2). Raises `PeerError` if octets came after the go-ahead: they would pass
        for replies under TLS (RFC 3207 §6)."""
        self._must_be(Phase.HANDSHAKE)
        if self.buffered:
            raise self._failed("octets in the clear after the go-ahead for TLS")
        self.phase = Phase.COMMANDS
        self.capabilities = NOTHING_OFFERED

    def _must_be(self, phase: Phase) -> None:
        if self.phase is not phase:
            raise RuntimeError(f"the server waits for {self.phase.value}, not for {phase.value}")

    # what the server says

    @property
    def _is_over(self) -> bool:
        return self._has_ended or bool(self._failure)

    def end(self) -> None:
        """The server has closed the connection. Answers that have come whole are still given."""
        self._has_ended = True

    @property
    def awaited(self) -> str | None:
        """What the next reply answers, None when none is due."""
        return self._awaited[0] if self._awaited else None

    @property
    def is_idle(self) -> bool:
        """Every command has gone out and has its answer."""
        return not self._awaited and not self._unsent

    def next_answer(self) -> Answer | None:
        """The next answer that was asked for; None when none is due or more octets are needed. Octets that come unasked wait for the
        next command. Raises `PeerError`."""
        while self._awaited:
            reply = self._next_reply()
            if reply is None:
                return None
            answered = self._awaited.popleft()
            if not self._goes_on(answered, reply):
                return Answer(answered, reply)
        return None

    def _next_reply(self) -> Reply | None:
        while (line := self._next_line()) is not None:
            parsed = _parsed(line)
            if parsed is None:
                raise self._failed(f"an answer that is not SMTP: {line[:MAX_SHOWN].decode('utf-8', 'replace')!r}")
            reply, is_last = parsed
            if is_last and not self._lines:
                return reply
            self._lines += reply.lines
            if is_last:
                lines, self._lines = tuple(self._lines), []
                return Reply(reply.code, lines)
            if len(self._lines) == MAX_REPLY_LINES:
                raise self._failed("a reply has too many lines")
        return None

    def _next_line(self) -> bytes | None:
        if self._failure:
            raise PeerError(self._failure)
        start = self._at
        end = self._buffer.find(b"\n", self._searched if self._searched > start else start)
        if (len(self._buffer) if end < 0 else end) - start > MAX_LINE_BYTES:
            raise self._failed("a reply line is too long")
        if end < 0:
            self._searched = len(self._buffer)
            if self._has_ended:
                raise self._failed("the connection was closed")
            return None
        self._at = end + 1
        return self._buffer[start:end].rstrip(b"\r")

    def _failed(self, text: str) -> PeerError:
        self._failure = text
        self._drop()
        return PeerError(text)

    def _goes_on(self, answered: str, reply: Reply) -> bool:
        """Note what a reply changes. True if the exchange goes on without the caller."""
        match answered:
            case "EHLO" | "LHLO":
                self.capabilities = Capabilities.parse(reply.lines[1:]) if reply.is_positive else NOTHING_OFFERED
            case "HELO":
                self.capabilities = NOTHING_OFFERED
            case "AUTH":
                response, self._auth_response = self._auth_response, b""
                if response and reply.code == _MORE:
                    self._unsent.appendleft((answered, response + b"\r\n"))
                    return True
            case "DATA" if reply.is_go_ahead:
                self.phase, self._last_octets = Phase.MESSAGE, b""
            case "STARTTLS" if reply.is_positive:
                self.phase = Phase.HANDSHAKE
        return False


@lru_cache(maxsize=256)
def _parsed(line: bytes) -> tuple[Reply, bool] | None:
    """A line of a reply, as a reply of its own, and whether it is the last one. Kept, since servers say the same few again and again."""
    match = _REPLY.match(line)
    if match is None:
        return None
    return Reply(int(match[1]), (match[3].decode("utf-8", "replace"),)), match[2] != b"-"
