"""One connection to a next hop: streams and time limits around the client's engine."""

import asyncio
import logging
import math
import ssl
from collections.abc import Callable
from types import TracebackType

from compostela.base.errors import CompostelaError
from compostela.core.outbound.ports import SendOptions
from compostela.net.tls.early import early_octets
from compostela.protocols.smtp.client import PeerError, Phase, SmtpClientEngine
from compostela.protocols.smtp.client_reply import Reply

_log = logging.getLogger(__name__)

READ_BYTES = 16 * 1024
QUIT_SECONDS = 5.0
"""For the reply to QUIT."""
CLOSE_SECONDS = 5.0


class ConnectionFailed(CompostelaError):
    """The connection broke, timed out, or the peer does not speak SMTP."""


class Within:
    """Raises `ConnectionFailed` with the cause when the time is over."""

    __slots__ = ("_otherwise", "_seconds", "_timeout")

    def __init__(self, seconds: float, otherwise: str) -> None:
        self._seconds = seconds
        self._otherwise = otherwise
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise ConnectionFailed(f"{self._otherwise} within {self._seconds:g} seconds") from late


class ReplyTimer:
    """Limits the time of one wait after another. A connection has one timer of the loop at a time, which is set anew only when it fires: a
    time limit of its own for each wait costs some forty calls a mail."""

    __slots__ = ("_due_at", "_fires_at", "_late", "_loop", "_timer")

    def __init__(self, late: Callable[[], None]) -> None:
        """`late` is called when a wait is too long."""
        self._loop = asyncio.get_running_loop()
        self._late = late
        self._due_at = math.inf
        self._fires_at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, seconds: float) -> None:
        self._due_at = self._loop.time() + seconds
        if self._due_at < self._fires_at:
            self._set()

    def end(self) -> None:
        """The wait is over in time."""
        self._due_at = math.inf

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self) -> None:
        self.close()
        self._fires_at = self._due_at
        self._timer = self._loop.call_at(self._due_at, self._fire)

    def _fire(self) -> None:
        self._fires_at, self._timer = math.inf, None
        if self._due_at <= self._loop.time():
            self._late()
        elif self._due_at < math.inf:
            self._set()


class NextHopConnection:
    """One connection, open from its making. Whatever breaks it raises `ConnectionFailed` or `OSError`; then only `close` may follow."""

    def __init__(
        self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply_seconds: float
    ) -> None:
        """`name` tells where it leads, for people."""
        self.engine = SmtpClientEngine()
        self.name = name
        self._reader = reader
        self._writer = writer
        self._reply_seconds = reply_seconds
        self._waited_seconds = 0.0
        self._timer = ReplyTimer(self._is_late)

    @classmethod
    async def open(cls, host: str, port: int, options: SendOptions) -> "NextHopConnection":
        local = (options.bind_address, 0) if options.bind_address else None
        async with Within(options.connect_seconds, "no connection"):
            reader, writer = await asyncio.open_connection(host, port, limit=READ_BYTES, local_addr=local)
        return cls(f"{host}:{port}", reader, writer, options.reply_seconds)

    @property
    def peer(self) -> tuple[str, int] | None:
        """Address and port at the other end."""
        found = self._writer.get_extra_info("peername")
        return None if found is None else (found[0], found[1])

    async def command(self, line: str, seconds: float | None = None, octets: bytes = b"") -> Reply:
        """Say a command, with the octets of a chunk after it, and return its reply."""
        self.engine.say(line, octets)
        return await self.reply(seconds)

    async def reply(self, seconds: float | None = None) -> Reply:
        """Send what is queued and may go out. Return the next reply; None for `seconds`: as long as any reply may take."""
        engine = self.engine
        if octets := engine.to_send():
            self._writer.write(octets)
        try:
            answer = engine.next_answer()
            if answer is None:
                self._waited_seconds = self._reply_seconds if seconds is None else seconds
                self._timer.begin(self._waited_seconds)
                try:
                    while answer is None:
                        await self._receive()
                        answer = engine.next_answer()
                finally:
                    self._timer.end()
        except PeerError as error:
            raise ConnectionFailed(str(error)) from error
        if _log.isEnabledFor(logging.DEBUG):
            text = f"{answer.reply.code} {' / '.join(answer.reply.lines)}"[:1000]
            _log.debug("next hop replies", extra={"hop": self.name, "reply": text})
        return answer.reply

    def _is_late(self) -> None:
        text = f"no answer to {self.engine.awaited} within {self._waited_seconds:g} seconds"
        self._reader.set_exception(ConnectionFailed(text))

    async def _receive(self) -> None:
        if octets := self.engine.to_send():
            self._writer.write(octets)
        octets = await self._reader.read(READ_BYTES)
        if octets:
            self.engine.receive(octets)
        else:
            self.engine.end()

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def drain(self) -> None:
        """Wait until the next hop has taken most of what is written."""
        async with Within(self._reply_seconds, "the next hop does not take the message"):
            await self._writer.drain()

    async def begin_tls(self) -> None:
        """After the go-ahead for STARTTLS, before the handshake."""
        self.engine.receive(await early_octets(self._reader, self._writer))
        try:
            self.engine.begin_tls()
        except PeerError as error:
            raise ConnectionFailed(str(error)) from error

    async def shake_hands(self, context: ssl.SSLContext, name: str, seconds: float) -> ssl.SSLObject:
        """Begin TLS with the server that has the name. Raises `ssl.SSLError` too."""
        async with Within(seconds, "no end of the TLS handshake"):
            await self._writer.start_tls(context, server_hostname=name)
        tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        return tls

    async def quit(self) -> None:
        """Say QUIT once all that was said is answered, and wait for its reply. Nothing is said inside a message."""
        if self.engine.phase is Phase.COMMANDS:
            self.engine.withdraw()
            self.engine.say("QUIT")
            while not self.engine.is_idle:
                await self.reply(QUIT_SECONDS)

    async def close(self) -> None:
        self._timer.close()
        self._writer.close()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            self._writer.transport.abort()
