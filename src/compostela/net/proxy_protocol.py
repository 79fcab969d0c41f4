"""Connections through a load balancer: the PROXY header is taken off before the session is made.

A `ProxyGate` is the first protocol of such a connection. It waits for the header, for the TLS handshake behind it if
there is to be one, and then hands the transport to a session that knows the client's own address. A connection without
a header, or from a peer that is not believed, is closed without a word.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from compostela.net.networks import Network, is_in
from compostela.protocols.proxy.header import BadProxyHeader, ProxyHeader, ProxyHeaderReader

_log = logging.getLogger(__name__)

HEADER_SECONDS = 10.0
"""How long a header may take; section 2 of the protocol's text asks for 3 s at least."""
EARLY_BYTES = 64 * 1024
"""Beyond so much that comes before the session is there, nothing more is read."""


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """Every connection begins with a PROXY header."""

    first: bool = True
    """The header precedes the TLS handshake; otherwise it follows it."""
    networks: tuple[Network, ...] = ()
    """Peers whose header is believed; empty for all."""

    def believes(self, peer: str) -> bool:
        return not self.networks or is_in(peer, self.networks)


class ProxiedSession(Protocol):
    """What is asked of the session's protocol beyond asyncio's."""

    def came_from(self, address: str) -> None:
        """The client's address, before `connection_made`."""
        ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def data_received(self, data: bytes) -> None: ...


class WaitingRoom(Protocol):
    """Where connections count that have no session yet: the listener."""

    @property
    def name(self) -> str: ...

    def let_wait(self, gate: "ProxyGate") -> bool:
        """False when there is no room."""
        ...

    def no_longer_waits(self, gate: "ProxyGate") -> None: ...


class ProxyGate(asyncio.Protocol):
    """One connection until its session begins. With `context` the handshake comes behind the header."""

    def __init__(
        self,
        room: WaitingRoom,
        settings: ProxySettings,
        make_session: Callable[[], ProxiedSession],
        context: ssl.SSLContext | None,
        handshake_seconds: float,
    ) -> None:
        self._room = room
        self._settings = settings
        self._make_session = make_session
        self._context = context
        self._handshake_seconds = handshake_seconds
        self._loop = asyncio.get_running_loop()
        self._reader: ProxyHeaderReader | None = ProxyHeaderReader()
        self._early = bytearray()
        self._peer = "unknown"
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._upgraded: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop does not derive its own from it
        peer = transport.get_extra_info("peername")
        self._peer = peer[0] if peer else "unknown"
        if not self._room.let_wait(self):
            self._refuse("there are too many connections")
        elif not self._settings.believes(self._peer):
            self._refuse("the peer is not among proxyNetworks")
        else:
            self._timer = self._loop.call_later(HEADER_SECONDS, self._refuse, "no PROXY header came in time")

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface's
        self._end()

    def data_received(self, data: bytes) -> None:
        if self._reader is None:
            self._early += data
            if len(self._early) > EARLY_BYTES and self._upgraded is not None:
                self._upgraded.pause_reading()
            return
        try:
            found = self._reader.receive(data)
        except BadProxyHeader as wrong:
            self._refuse(str(wrong))
            return
        if found is None:
            return
        self._reader = None
        if self._timer is not None:
            self._timer.cancel()
        header, rest = found
        if self._context is None:
            self._hand_over(self._transport, header, rest)
        else:
            self._transport.pause_reading()
            self._handshake = self._loop.create_task(self._shake_hands(self._context, header, rest))

    def close(self) -> None:
        """The server ends."""
        self._transport.abort()
        self._end()

    async def _shake_hands(self, context: ssl.SSLContext, header: ProxyHeader, rest: bytes) -> None:
        upgrade = self._loop.create_task(
            self._loop.start_tls(
                self._transport, self, context, server_side=True, ssl_handshake_timeout=self._handshake_seconds
            )
        )
        if rest:
            # The client's first octets may have come with the header. The upgrade's first step, which runs before we go
            # on here, has put its protocol in place and asked for its start: what is asked for now comes right behind
            # that, and before anything that the socket has.
            await asyncio.sleep(0)
            self._loop.call_soon(self._feed, rest)
        try:
            upgraded = await upgrade
        except (OSError, ssl.SSLError):
            upgraded = None
        if upgraded is None:
            self._end()
            return
        self._upgraded = upgraded
        self._hand_over(upgraded, header, bytes(self._early))

    def _feed(self, octets: bytes) -> None:
        if self._transport.is_closing():
            return
        # by asyncio's contract of start_tls; uvloop's class has the methods and does not derive from this one
        protocol = cast("asyncio.BufferedProtocol", self._transport.get_protocol())
        left = memoryview(octets)
        while left:
            room = memoryview(protocol.get_buffer(len(left))).cast("B")
            size = min(len(room), len(left))
            room[:size] = left[:size]
            protocol.buffer_updated(size)
            left = left[size:]

    def _hand_over(self, transport: asyncio.Transport, header: ProxyHeader, rest: bytes) -> None:
        self._end()
        if transport.is_closing():
            return
        session = self._make_session()
        session.came_from(header.address or self._peer)
        transport.set_protocol(cast("asyncio.BaseProtocol", session))
        session.connection_made(transport)
        if rest:
            session.data_received(rest)

    def _refuse(self, why: str) -> None:
        _log.warning("connection closed: %s", why, extra={"server": self._room.name, "ip": self._peer})
        self._transport.abort()
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._room.no_longer_waits(self)
