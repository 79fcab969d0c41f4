"""What the hosts of all line protocols do alike: take octets, work on one thing at a time, hold back a peer that sends faster
than it is served or reads slower than it is answered."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import Protocol, cast

from compostela.net.incoming import IncomingMessage
from compostela.net.listeners import Listener
from compostela.net.tls.channel import TlsChannel, channel_of

PAUSE_READING_BYTES = 512 * 1024
"""Nothing more is read while so much waits."""
UNKNOWN = "unknown"


class Engine(Protocol):
    """The reading side of a protocol."""

    def receive(self, octets: bytes) -> None: ...

    @property
    def buffered(self) -> int: ...


class SessionHost(asyncio.Protocol, ABC):
    """One connection. A host gives `_work`, which runs as a task until the engine has no event left."""

    __slots__ = (
        "_address", "_closing", "_last_activity", "_listener", "_loop", "_message", "_paused", "_reader", "_running",
        "_transport", "_writable",
    )  # fmt: skip

    def __init__(self, listener: Listener, reader: Engine) -> None:
        self._listener = listener
        self._reader = reader
        self._loop = asyncio.get_running_loop()
        self._running: asyncio.Task[None] | None = None
        self._message: IncomingMessage | None = None
        self._closing = False
        self._paused = False
        self._writable: asyncio.Event | None = None
        self._last_activity = 0.0
        self._address = UNKNOWN

    @abstractmethod
    async def _work(self) -> None:
        """Deals with the engine's events."""

    @abstractmethod
    def shut_down(self) -> None:
        """See `Session`."""

    @abstractmethod
    def check_idle(self, now: float) -> None:
        """See `Session`."""

    def came_from(self, address: str) -> None:
        """The client's address when the connection's peer is a proxy; said before `connection_made`."""
        self._address = address

    # what the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop does not derive its own from it
        self._last_activity = self._loop.time()
        peer = transport.get_extra_info("peername")
        if peer and self._address == UNKNOWN:
            self._address = peer[0]

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._last_activity = self._loop.time()
        self._reader.receive(data)
        if self._running is None:
            self._start(self._work())
        elif self._reader.buffered > PAUSE_READING_BYTES and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        self._writable = asyncio.Event()

    def resume_writing(self) -> None:
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
            return True
        self._transport.write(refusal)
        self._transport.close()
        self._closing = True
        return False

    def _start(self, work: Coroutine[None, None, None]) -> None:
        self._running = self._loop.create_task(work)

    def _read_on(self) -> None:
        """After the work: takes what the peer was kept from sending."""
        if self._paused and not self._closing:
            self._paused = False
            self._transport.resume_reading()
