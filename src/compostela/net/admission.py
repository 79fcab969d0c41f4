"""What comes before a session: a PROXY header, a TLS handshake, or both in the order that the settings name.

An `Admission` is the first protocol of such a connection. When all is there it hands the transport to a session, which then knows the
client's own address. Until then the connection counts against the limits like any other, so a client cannot hold more
connections by never starting a session. A connection without a header, from a peer that is not trusted, or beyond a limit is
closed without a reply.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from compostela.net.proxy_protocol import ProxySettings
from compostela.net.tls.upgrade import upgrade
from compostela.protocols.proxy.header import BadProxyHeader, ProxyHeaderReader

_log = logging.getLogger(__name__)

HEADER_SECONDS = 10.0
"""How long a header may take; section 2 of the protocol's text asks for 3 s at least."""
_NO_ROOM = "there are too many"


class AdmittedConnection(Protocol):
    """What takes the transport over, with its session."""

    def came_from(self, address: str) -> None:
        """The client's address, before `connection_made`."""
        ...

    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...

    def data_received(self, data: bytes) -> None: ...


class PendingConnections(Protocol):
    """Where connections count that have no session yet: the listener."""

    @property
    def name(self) -> str: ...

    def admit_pending(self, pending: "Admission", address: str | None) -> bool:
        """False when there is no room. Without an address, as long as the client is not known, only the limit of all counts."""
        ...

    def release_pending(self, pending: "Admission") -> None: ...


class Admission(asyncio.Protocol):
    """One connection until its session begins. With `proxy` it waits for a header, with `context` for a handshake."""

    def __init__(
        self,
        room: PendingConnections,
        make_connection: Callable[[], AdmittedConnection],
        proxy: ProxySettings | None,
        context: ssl.SSLContext | None,
    ) -> None:
        self._room = room
        self._make_connection = make_connection
        self._proxy = proxy
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._reader = ProxyHeaderReader() if proxy is not None else None
        self._early = bytearray()
        self._peer = self._client = "unknown"
        self._timer: asyncio.TimerHandle | None = None
        self._handshake: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop does not derive its own from it
        peer = transport.get_extra_info("peername")
        self._peer = self._client = peer[0] if peer else "unknown"
        proxy = self._proxy
        if not self._room.admit_pending(self, self._peer if proxy is None else None):
            self._refuse(_NO_ROOM, logging.INFO)
        elif proxy is not None and not proxy.believes(self._peer):
            self._refuse("the peer is not among proxyNetworks")
        elif proxy is not None and (proxy.first or self._context is None):
            self._await_header()
        else:
            self._begin_handshake()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the interface's
        self._end()

    def data_received(self, data: bytes) -> None:
        if self._handshake is not None or self._reader is None:
            # before the handshake begins and, in the clear again, before its end is seen: no more than the loop reads in one turn
            self._early += data
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
        self._client = header.address or self._peer
        if self._context is None:
            self._hand_over(rest)
            return
        self._room.release_pending(self)
        if not self._room.admit_pending(self, self._client):
            self._refuse(_NO_ROOM, logging.INFO)
            return
        self._early += rest
        self._begin_handshake()

    def close(self) -> None:
        """At once and without a word."""
        self._transport.abort()
        self._end()

    def _await_header(self) -> None:
        self._timer = self._loop.call_later(HEADER_SECONDS, self._refuse, "no PROXY header came in time")

    def _begin_handshake(self) -> None:
        context, self._context = self._context, None
        assert context is not None
        self._transport.pause_reading()
        self._handshake = self._loop.create_task(self._shake_hands(context))

    async def _shake_hands(self, context: ssl.SSLContext) -> None:
        upgraded = await upgrade(self._transport, self, context, self._early)
        self._handshake = None
        if upgraded is None:
            self._end()
            return
        self._transport = upgraded
        early = bytes(self._early)
        self._early.clear()
        if self._reader is None:
            self._hand_over(early)
        else:
            self._await_header()
            self.data_received(early)

    def _hand_over(self, rest: bytes) -> None:
        self._end()
        transport = self._transport
        if transport.is_closing():
            return
        session = self._make_connection()
        session.came_from(self._client)
        transport.set_protocol(cast("asyncio.BaseProtocol", session))
        session.connection_made(transport)
        if rest:
            session.data_received(rest)

    def _refuse(self, why: str, level: int = logging.WARNING) -> None:
        _log.log(level, "connection closed: %s", why, extra={"server": self._room.name, "ip": self._client})
        self.close()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        handshake, self._handshake = self._handshake, None
        if handshake is not None:
            handshake.cancel()
        self._room.release_pending(self)
