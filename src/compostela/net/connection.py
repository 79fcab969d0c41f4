"""A connection with its session: octets in and out, TLS, back pressure, idle time, and why it ended.

It holds back a peer that sends faster than it is served or reads slower than it is answered. One task of the session runs at a time.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Coroutine
from typing import cast

from compostela.base.ids import new_trace_id
from compostela.core.connections.model import Channel
from compostela.model.username import Username
from compostela.net.first_step import FirstStep
from compostela.net.listeners import Listener
from compostela.net.session import CloseReason, Engine, Session
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


class Connection(asyncio.Protocol):
    """One connection. The loop and the listener speak to it, and its session has it."""

    __slots__ = (
        "_closing_since", "_connected_at", "_end", "_events", "_has_told_end", "_is_shaking_hands", "_last_activity", "_lifespan", "_log",
        "_loop", "_paused", "_resting", "_session", "_stuck_since", "_task", "_transport", "account", "address", "id", "is_closing",
        "is_ending", "listener", "reader", "running", "writable",
    )  # fmt: skip

    def __init__(self, listener: Listener, make_session: "Callable[[Connection], Session]") -> None:
        self.listener = listener
        self.reader: Engine
        """Takes the octets that arrive. The session sets it when it is made."""
        self.id = new_trace_id()
        self.address = UNKNOWN
        """The client's."""
        self.account: Username | None = None
        """The user whose data the session reads and changes: the session sets it at the login. It stays None for protocols whose sessions
        outlive the account without harm."""
        self.is_closing = False
        """The session is over: nothing more is read or answered."""
        self.is_ending = False
        """The server stops: the session ends when nothing is in flight."""
        self.running: asyncio.Task[None] | FirstStep | None = None
        """What the session does at this moment; None while it rests."""
        self.writable: asyncio.Event | None = None
        """Set when the peer has read enough; None while it reads."""
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | FirstStep | None = None
        """One that rests between two pieces of input."""
        self._resting: asyncio.Future[None] | None = None
        """Done when a task that rests is to go on."""
        self._paused = False
        self._last_activity = self._connected_at = 0.0
        self._events = 0
        self._is_shaking_hands = False
        self._lifespan: asyncio.TimerHandle | None = None
        self._closing_since = self._stuck_since = 0.0
        self._end = ""
        self._has_told_end = False
        self._session = session = make_session(self)
        self._log = session.log

    # what the listener asks

    @property
    def login(self) -> Username | None:
        """See `OpenConnection`."""
        return self._session.login

    def expel(self) -> None:
        """See `OpenConnection`."""
        self._cut_off(CloseReason.REMOVED)

    def disconnect(self) -> None:
        """See `OpenConnection`."""
        self._cut_off(CloseReason.DISCONNECTED)

    def _cut_off(self, reason: CloseReason) -> None:
        if self.is_closing:
            return
        if self.running is None:
            self._end_for(reason)
        else:
            self.abort(reason.value)

    def channel(self, endpoint: str, started: float) -> Channel:
        """See `OpenConnection`."""
        session = self._session
        return Channel(
            session.protocol,
            endpoint,
            self.address,
            started + self._connected_at,
            is_active=self.running is not None,
            is_writable=self.writable is None,
            is_encrypted=self.tls is not None,
            username=None if session.login is None else session.login.value,
            details=session.details,
        )

    def shut_down(self, *, at_once: bool = False) -> None:
        """See `OpenConnection`."""
        self.is_ending = True
        if self.is_closing:
            return
        if self.running is None and (at_once or not self._session.has_work()):
            self._end_for(CloseReason.SHUTDOWN)
        elif at_once or self._is_shaking_hands:
            self.abort(CloseReason.SHUTDOWN.value)

    def check_idle(self, now: float) -> None:
        """See `OpenConnection`."""
        limit = self.listener.settings.connection_timeout_seconds
        if self.is_closing:
            self._closing_since = self._closing_since or now
            if now - self._closing_since > CLOSE_SECONDS:
                self._transport.abort()
            return
        self._session.look_at_time(now)
        if self._stuck_since and now - self._stuck_since > limit:
            # it is answered and does not read: no farewell would reach it
            self.abort("the client reads no answer")
        elif self.running is None and now - self._last_activity > limit:
            self._end_for(CloseReason.SILENCE)

    def came_from(self, address: str) -> None:
        """See `AdmittedConnection`."""
        self.address = address

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._adopt(cast("asyncio.Transport", transport))  # uvloop does not derive its own from it
        self._last_activity = self._connected_at = self._loop.time()
        peer = transport.get_extra_info("peername")
        if peer and self.address == UNKNOWN:
            self.address = peer[0]
        self._session.begin()

    def data_received(self, data: bytes) -> None:
        if self.is_closing:
            return
        self.reader.receive(data)
        if self.reader.buffered > SHARE_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        if self.running is None:
            if self._session.is_short():
                self._do_at_once()
            else:
                self._go_on()

    def _do_at_once(self) -> None:
        step = self.running = FirstStep(self._loop)
        task = step.begin_at_once(self._session.work())
        if self.running is step:  # otherwise the session has called `rest` already
            self.running = task

    def eof_received(self) -> bool:
        return self._session.half_closed()

    def pause_writing(self) -> None:
        self.writable = asyncio.Event()
        self._stuck_since = self._loop.time()

    def resume_writing(self) -> None:
        self._stuck_since = 0.0
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    def connection_lost(self, exc: Exception | None) -> None:
        """`exc` is what the transport says of the end."""
        if self._has_told_end:
            return
        self._has_told_end = True
        self.note_end("the client closed the connection" if exc is None else f"the connection failed: {exc}")
        self.tell("session ends", reason=self._end)
        self.is_closing = True
        self.resume_writing()
        if self._lifespan is not None:
            self._lifespan.cancel()
        self.listener.dismiss(self, self.address)
        session, self._session = self._session, _NO_SESSION
        session.lost()
        if self._resting is not None and not self._resting.done():
            self._go_on()

    # what the session asks

    def admit(self, refusal: bytes) -> bool:
        """Whether the listener has room for the connection; if not, it is refused and closed."""
        if self.listener.admit(self, self.address):
            self.tell("session begins", tls=self.tls is not None)
            return True
        self.end(refusal, "the client is not admitted: too many connections, or the server stops")
        return False

    def start(self, work: Coroutine[None, None, None]) -> None:
        """Run it as the session's task. Nothing runs yet."""
        self.running = self._loop.create_task(work)

    def wake(self) -> None:
        """Start the session's work if nothing runs."""
        if self.running is None and not self.is_closing:
            self._go_on()

    def _go_on(self) -> None:
        """Nothing runs: wake the task that rests, or start one."""
        resting, self._resting = self._resting, None
        if resting is None or resting.done():
            # a future that is done here was cancelled: the loop comes to its end
            self.start(self._session.work())
        else:
            self.running, self._task = self._task, None
            resting.set_result(None)

    def rest_until_input(self) -> asyncio.Future[None]:
        """As `rest`, for a session that is not over and works in one task for all of its time: to wake a task costs less than a new
        one. The future is done when octets have arrived or the session is over."""
        self._task = self.running
        self.rest()
        self._resting = self._loop.create_future()
        return self._resting

    def write(self, octets: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(octets)

    async def wait_until_read(self) -> None:
        """Return when the peer has read most of what was written, or the connection is no more."""
        if self.writable is not None and not self.is_closing:
            await self.writable.wait()

    async def take_turn(self) -> None:
        """Let other sessions work."""
        await self.listener.scheduler.take()

    def note_event(self) -> bool:
        """Count what is dealt with. Return True when the session has had its share and must take a turn."""
        self._events += 1
        self.listener.events_seen += 1
        return self._events % SHARE_EVENTS == 0

    def rest(self) -> None:
        """The work is done. Only a peer that completed something is not idle: octets that never become a command are no sign of
        life."""
        self.running = None
        if self._events:
            self._events = 0
            self._last_activity = self._loop.time()

    def read_on(self) -> None:
        """After the work: take what the peer was kept from sending."""
        if self._paused and not self.is_closing:
            self.listener.scheduler.ask(self._resume_reading)

    def _resume_reading(self) -> None:
        if self._paused and not self.is_closing:
            self._paused = False
            self._transport.resume_reading()

    def live_at_most(self, seconds: float) -> None:
        """The connection ends after so long, whatever it does."""
        self._lifespan = self._loop.call_later(seconds, self._life_is_over)

    def _life_is_over(self) -> None:
        if self.writable is not None:
            self.abort(CloseReason.LIFESPAN.value)
        elif self.running is not None:
            # an answer that is under way is still given
            self._lifespan = self._loop.call_later(LIFESPAN_STEP_SECONDS, self._life_is_over)
        elif not self.is_closing:
            self._end_for(CloseReason.LIFESPAN)

    # TLS

    @property
    def tls(self) -> ssl.SSLObject | None:
        """The TLS state, None without TLS."""
        found: ssl.SSLObject | None = self._transport.get_extra_info("ssl_object")
        return found

    @property
    def tls_channel(self) -> TlsChannel | None:
        """What is known of the TLS channel, None without TLS. Made anew at every call: for logins, not for every command."""
        return channel_of(self._transport)

    async def start_tls(self, context: ssl.SSLContext, go_ahead: bytes) -> bool:
        """Say the go-ahead and shake hands. False when that fails: then the connection is over."""
        self._transport.pause_reading()
        self._transport.write(go_ahead)
        self._is_shaking_hands = True
        try:
            upgraded = await upgrade(self._transport, self, context, bytearray())
        finally:
            self._is_shaking_hands = False
        if upgraded is None or self.is_closing:
            self.abort("the TLS handshake failed")
            self.connection_lost(None)
            return False
        self._adopt(upgraded)
        self.tell("TLS begins", version=upgraded.get_extra_info("ssl_object").version())
        return True

    def _adopt(self, transport: asyncio.Transport) -> None:
        """The connection goes on over this transport."""
        self._transport = transport
        if self.listener.settings.water_marks is not None:
            transport.set_write_buffer_limits(*self.listener.settings.water_marks)

    # the end

    def end(self, last_words: bytes, reason: str) -> None:
        """Close the connection after the last words. Only the first call counts. `reason` is for the log."""
        if not self.is_closing:
            self.is_closing = True
            self.note_end(reason)
            if last_words:
                self.write(last_words)
            self._transport.close()

    def abort(self, reason: str) -> None:
        """End the connection without another octet."""
        self.note_end(reason)
        self.is_closing = True
        self._transport.abort()

    def note_end(self, reason: str) -> None:
        """Why the session ends, for the log; the first reason counts."""
        self._end = self._end or reason

    def _end_for(self, reason: CloseReason) -> None:
        self.note_end(reason.value)
        self._session.announce_close(reason)

    # the log

    @property
    def is_told(self) -> bool:
        """Whether the log tells of every command."""
        return self._log.isEnabledFor(logging.DEBUG)

    def tell(self, event: str, **fields: object) -> None:
        """A line at debug level. Long fields are cut."""
        if self._log.isEnabledFor(logging.DEBUG):
            cut = {key: one[:MAX_TOLD_CHARACTERS] if isinstance(one, str) else one for key, one in fields.items()}
            self._log.debug(event, extra={"trace": self.id, "ip": self.address, **cut})

    def tell_reply(self, octets: bytes) -> None:
        self.tell("reply", reply=octets.decode("utf-8", "replace").rstrip("\r\n"))


class _NoSession(Session):
    """In place of a session whose connection is no more: they would keep each other in memory until the collector comes by."""

    __slots__ = ()

    log = logging.getLogger(__name__)
    protocol = ""

    def begin(self) -> None: ...

    async def work(self) -> None: ...

    def has_work(self) -> bool:
        return False

    def announce_close(self, reason: CloseReason) -> None: ...


_NO_SESSION = _NoSession()
