"""What the hosts of all line protocols do alike: take octets, work on one thing at a time, hold back a peer that sends faster
than it is served or reads slower than it is answered."""

import asyncio
import enum
import logging
import ssl
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import ClassVar, Protocol, cast

from compostela.base.ids import new_trace_id
from compostela.core.connections.model import Channel
from compostela.model.username import Username
from compostela.net.incoming_message import IncomingMessage
from compostela.net.listeners import Listener
from compostela.net.tls.channel import TlsChannel, channel_of
from compostela.net.tls.upgrade import upgrade

SHARE_BYTES = 128 * 1024
"""Octets that may wait before reading stops. A session that has sent so much at once reads on when it has a turn."""
SHARE_EVENTS = 64
"""So much of one session is dealt with before others have their turn; a client may send many thousand commands at once."""
CLOSE_SECONDS = 30.0
"""How long a peer may take to read the server's last words."""
LIFESPAN_STEP_SECONDS = 0.1
MAX_TOLD_CHARACTERS = 1000
"""Of a command or a reply in the log."""
UNKNOWN = "unknown"


class CloseReason(enum.Enum):
    """Why the server ends a session."""

    SHUTDOWN = "the server stops"
    SILENCE = "nothing came for too long"
    LIFESPAN = "the connection has been there for too long"
    REMOVED = "the account is removed"
    DISCONNECTED = "an administrator ends the connection"


class Engine(Protocol):
    """The reading side of a protocol."""

    def receive(self, octets: bytes) -> None: ...

    @property
    def buffered(self) -> int: ...


class SessionHost(asyncio.Protocol, ABC):
    """One connection. A host gives `_work`, which runs as a task until the engine has no event left."""

    __slots__ = (
        "_address", "_closing", "_closing_since", "_connected_at", "_end", "_ending", "_events", "_has_told_end", "_is_shaking_hands", "_last_activity",
        "_lifespan", "_listener", "_loop", "_message", "_paused", "_reader", "_running", "_session_id", "_stuck_since", "_transport",
        "_writable",
    )  # fmt: skip

    log: ClassVar[logging.Logger]
    """Of the protocol."""
    protocol: ClassVar[str]
    """Its name."""

    def __init__(self, listener: Listener, reader: Engine) -> None:
        self._listener = listener
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._running: asyncio.Task[None] | None = None
        self._message: IncomingMessage | None = None
        self._closing = False
        self._paused = False
        self._writable: asyncio.Event | None = None
        self._last_activity = self._connected_at = 0.0
        self._events = 0
        self._ending = False
        self._is_shaking_hands = False
        self._lifespan: asyncio.TimerHandle | None = None
        self._closing_since = self._stuck_since = 0.0
        self._address = UNKNOWN
        self._session_id = new_trace_id()
        self._end = ""
        self._has_told_end = False

    @abstractmethod
    async def _work(self) -> None:
        """Deals with the engine's events."""

    @abstractmethod
    def _has_work(self) -> bool:
        """Whether a transaction, or whatever else must not be cut through, has begun; what the server does at this moment
        counts by itself."""

    @abstractmethod
    def _announce_close(self, reason: CloseReason) -> None:
        """Ends the session with the protocol's words for the reason. Nothing runs then."""

    @property
    def account(self) -> Username | None:
        """See `OpenConnection`; None also for protocols whose sessions outlive the account without harm."""
        return None

    @property
    def login(self) -> Username | None:
        """See `OpenConnection`."""
        return self.account

    def _details(self) -> dict[str, str]:
        """What the protocol tells administrators of a connection, by James's names."""
        return {}

    # what the listener asks

    def expel(self) -> None:
        """See `OpenConnection`."""
        self._cut_off(CloseReason.REMOVED)

    def disconnect(self) -> None:
        """See `OpenConnection`."""
        self._cut_off(CloseReason.DISCONNECTED)

    def _cut_off(self, reason: CloseReason) -> None:
        if self._closing:
            return
        if self._running is None:
            self._end_for(reason)
        else:
            self._note_end(reason.value)
            self._transport.abort()

    def channel(self, endpoint: str, started: float) -> Channel:
        """See `OpenConnection`."""
        return Channel(
            self.protocol,
            endpoint,
            self._address,
            started + self._connected_at,
            is_active=self._running is not None,
            is_writable=self._writable is None,
            is_encrypted=self._transport.get_extra_info("ssl_object") is not None,
            username=None if self.login is None else self.login.value,
            details=self._details(),
        )

    def shut_down(self, *, at_once: bool = False) -> None:
        """See `OpenConnection`."""
        self._ending = True
        if self._closing:
            return
        if self._running is None and (at_once or not self._has_work()):
            self._end_for(CloseReason.SHUTDOWN)
        elif at_once or self._is_shaking_hands:
            self._note_end(CloseReason.SHUTDOWN.value)
            self._transport.abort()

    def check_idle(self, now: float) -> None:
        """See `OpenConnection`."""
        if self._closing:
            self._closing_since = self._closing_since or now
            if now - self._closing_since > CLOSE_SECONDS:
                self._transport.abort()
        elif self._stuck_since and now - self._stuck_since > self._listener.settings.connection_timeout_seconds:
            # it is answered and does not read: no farewell would reach it
            self._note_end("the client reads no answer")
            self._transport.abort()
        elif self._running is None and now - self._last_activity > self._listener.settings.connection_timeout_seconds:
            self._end_for(CloseReason.SILENCE)

    def came_from(self, address: str) -> None:
        """The client's address, which need not be the connection's peer; said before `connection_made`."""
        self._address = address

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._adopt(cast("asyncio.Transport", transport))  # uvloop does not derive its own from it
        self._last_activity = self._connected_at = self._loop.time()
        peer = transport.get_extra_info("peername")
        if peer and self._address == UNKNOWN:
            self._address = peer[0]

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._reader.receive(data)
        if self._reader.buffered > SHARE_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self._running is None:
            self._start(self._work())

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()
        self._stuck_since = self._loop.time()

    def resume_writing(self) -> None:
        self._stuck_since = 0.0
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # for the hosts

    @property
    def tls_channel(self) -> TlsChannel | None:
        """What is known of the TLS channel, None without TLS. Made anew at every call: for logins, not for every command."""
        return channel_of(self._transport)

    def _admitted(self, refusal: bytes) -> bool:
        """Whether the listener has room for the connection; if not, it is refused and closed."""
        if self._listener.admit(self, self._address):
            self._tell("session begins", tls=self._transport.get_extra_info("ssl_object") is not None)
            return True
        self._note_end("the client is not admitted: too many connections, or the server stops")
        self._transport.write(refusal)
        self._transport.close()
        self._closing = True
        return False

    def _adopt(self, transport: asyncio.Transport) -> None:
        """The session goes on over this transport."""
        self._transport = transport
        if self._listener.settings.water_marks is not None:
            transport.set_write_buffer_limits(*self._listener.settings.water_marks)

    async def _start_tls(self, context: ssl.SSLContext, go_ahead: bytes) -> bool:
        """Says the go-ahead and shakes hands. False when that fails: then the session is over."""
        self._transport.pause_reading()
        self._transport.write(go_ahead)
        self._is_shaking_hands = True
        try:
            upgraded = await upgrade(self._transport, self, context, bytearray())
        finally:
            self._is_shaking_hands = False
        if upgraded is None or self._closing:
            self._note_end("the TLS handshake failed")
            self._transport.abort()
            self._gone()
            return False
        self._adopt(upgraded)
        self._tell("TLS begins", version=upgraded.get_extra_info("ssl_object").version())
        return True

    def _live_at_most(self, seconds: float) -> None:
        """The connection ends after so long, whatever it does."""
        self._lifespan = self._loop.call_later(seconds, self._life_is_over)

    def _life_is_over(self) -> None:
        if self._writable is not None:
            self._note_end(CloseReason.LIFESPAN.value)
            self._transport.abort()
        elif self._running is not None:
            # an answer that is under way is still given
            self._lifespan = self._loop.call_later(LIFESPAN_STEP_SECONDS, self._life_is_over)
        elif not self._closing:
            self._end_for(CloseReason.LIFESPAN)

    def _gone(self, error: Exception | None = None) -> None:
        """The connection is no more. `error` is what the transport says of it."""
        if not self._has_told_end:
            self._has_told_end = True
            self._note_end("the client closed the connection" if error is None else f"the connection failed: {error}")
            self._tell("session ends", reason=self._end)
        self._closing = True
        self.resume_writing()
        if self._lifespan is not None:
            self._lifespan.cancel()
        self._listener.dismiss(self, self._address)

    def _end_for(self, reason: CloseReason) -> None:
        self._note_end(reason.value)
        self._announce_close(reason)

    def _note_end(self, reason: str) -> None:
        """Why the session ends, for the log; the first reason counts."""
        self._end = self._end or reason

    @property
    def _is_told(self) -> bool:
        """Whether the log tells of every command."""
        return self.log.isEnabledFor(logging.DEBUG)

    def _tell(self, event: str, **fields: object) -> None:
        """A line at debug level. Long fields are cut."""
        if self._is_told:
            cut = {key: one[:MAX_TOLD_CHARACTERS] if isinstance(one, str) else one for key, one in fields.items()}
            self.log.debug(event, extra={"trace": self._session_id, "ip": self._address, **cut})

    def _tell_reply(self, octets: bytes) -> None:
        self._tell("reply", reply=octets.decode("utf-8", "replace").rstrip("\r\n"))

    def _note_event(self) -> bool:
        """Counts what is dealt with; True when the session has had its share and must take a turn."""
        self._events += 1
        self._listener.events_seen += 1
        return self._events % SHARE_EVENTS == 0

    def _note_rest(self) -> None:
        """The work is done. Only a peer that completed something is not idle: octets that never become a command are
        no sign of life."""
        self._running = None
        if self._events:
            self._events = 0
            self._last_activity = self._loop.time()

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._running = self._loop.create_task(work)

    def _read_on(self) -> None:
        """After the work: takes what the peer was kept from sending."""
        if self._paused and not self._closing:
            self._listener.scheduler.ask(self._resume_reading)

    def _resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            self._transport.resume_reading()
