"""Listening sockets: bound before anything starts, limited, and closed in good order."""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from compostela.base.errors import CompostelaError
from compostela.base.metrics import gauge
from compostela.model.username import Username
from compostela.net.admission import Admission, AdmittedSession
from compostela.net.fair_scheduler import FairScheduler
from compostela.net.settings import BindAddress, ServerSettings

_log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
"""What is in flight may take so long when the server stops."""
LAST_WORDS_SECONDS = 1.0
"""Without `gracefulShutdown`: for peers to read that it is over."""
MAX_TIMER_SECONDS = 5.0


class BindError(CompostelaError):
    """A port cannot be had; the text tells the operator why."""


class Session(Protocol):
    """What a listener asks of the sessions that it made."""

    @property
    def account(self) -> Username | None:
        """The user whose data the session reads and changes; None before a login."""
        ...

    def expel(self) -> None:
        """The account is removed: end at once."""
        ...

    def shut_down(self, *, at_once: bool = False) -> None:
        """Say good-bye and close as soon as nothing is in flight; or at once."""
        ...

    def check_idle(self, now: float) -> None:
        """Called every few seconds: close when silent for too long. `now` is the loop's time."""
        ...


SessionFactory = Callable[["Listener", bool], asyncio.Protocol]
"""Gives a protocol for a new connection; the flag tells whether TLS is there already."""


def bind_sockets(addresses: tuple[BindAddress, ...], backlog: int) -> list[socket.socket]:
    """Bound and listening sockets. Raises `BindError` with one sentence."""
    sockets: list[socket.socket] = []
    try:
        for address in addresses:
            family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
            bound = socket.socket(family, socket.SOCK_STREAM)
            sockets.append(bound)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # connections take this over from the socket that they come in at
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((address.host, address.port))
            bound.listen(max(backlog, 1))
            bound.setblocking(False)
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise BindError(f"cannot listen on {address}: {_reason(error)}") from error
    return sockets


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop the program that has it, or change <bind>"
    if error.errno == errno.EACCES:
        return "ports below 1024 need more rights; use a higher port, or grant CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address"
    return error.strerror or str(error)


class Listener:
    """One server of the configuration: its sockets, its limits and its open sessions."""

    def __init__(
        self, settings: ServerSettings, factory: SessionFactory, context: ssl.SSLContext | None = None
    ) -> None:
        self.settings = settings
        self.context = context
        self._factory = factory
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._waiting: dict[Admission, str | None] = {}
        self.scheduler = FairScheduler()
        self.events_seen = 0
        """Commands and pieces of messages that its sessions have dealt with."""
        self._addresses: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event | None = None
        self._connections = gauge(f"{settings.name}Connections", "Open connections")

    def bind(self) -> None:
        """Takes the ports. Raises `BindError`."""
        self._sockets = bind_sockets(self.settings.bind, self.settings.backlog)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def ports(self) -> list[int]:
        return [bound.getsockname()[1] for bound in self._sockets]

    async def start(self) -> None:
        """Begins to accept."""
        if not self._sockets:
            self.bind()
        loop = asyncio.get_running_loop()
        is_gated = self.settings.proxy is not None or self._implicit is not None
        for bound in self._sockets:
            server = await loop.create_server(
                self._admission if is_gated else (lambda: self._factory(self, False)),
                sock=bound,
                backlog=max(self.settings.backlog, 1),
            )
            self._servers.append(server)
        self._tick()

    @property
    def _implicit(self) -> ssl.SSLContext | None:
        return self.context if self.settings.tls.implicit else None

    def _admission(self) -> Admission:
        implicit = self._implicit
        return Admission(
            self,
            lambda: cast("AdmittedSession", self._factory(self, implicit is not None)),
            self.settings.proxy,
            implicit,
        )

    @property
    def is_ending(self) -> bool:
        return self._empty is not None

    def admit_pending(self, pending: Admission, address: str | None) -> bool:
        """See `PendingConnections`."""
        if self._empty is not None or self._is_full(address):
            return False
        self._waiting[pending] = address
        self._count_in(address)
        return True

    def release_pending(self, pending: Admission) -> None:
        self._count_out(self._waiting.pop(pending, None))

    def admit(self, session: Session, address: str) -> bool:
        """Counts a new session in; False when a limit is reached: then the session closes at once."""
        if self._empty is not None:
            return False
        if self._is_full(address):
            _log.info("connection refused: too many", extra={"server": self.settings.name, "ip": address})
            return False
        self._count_in(address)
        self._sessions.add(session)
        self._connections.inc()
        return True

    def dismiss(self, session: Session, address: str) -> None:
        """Counts a session out. Unknown sessions are ignored."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        self._connections.dec()
        self._count_out(address)
        if self._empty is not None and not self._sessions:
            self._empty.set()

    def accounts(self) -> set[Username]:
        """Those whose data its sessions read and change."""
        return {account for session in self._sessions if (account := session.account) is not None}

    def expel(self, account: Username) -> None:
        """Ends the sessions of an account that is removed."""
        for session in [one for one in self._sessions if one.account == account]:
            session.expel()

    def _is_full(self, address: str | None) -> bool:
        """Whether one more connection, from this address if it is known, is one too many."""
        limit, per_address = self.settings.connection_limit, self.settings.connection_limit_per_ip
        if limit and len(self._sessions) + len(self._waiting) >= limit:
            return True
        return address is not None and bool(per_address) and self._addresses.get(address, 0) >= per_address

    def _count_in(self, address: str | None) -> None:
        if address is not None:
            self._addresses[address] = self._addresses.get(address, 0) + 1

    def _count_out(self, address: str | None) -> None:
        if address is None:
            return
        left = self._addresses.get(address, 1) - 1
        if left:
            self._addresses[address] = left
        else:
            self._addresses.pop(address, None)

    async def stop(self) -> None:
        """Stops accepting, lets sessions finish what is in flight for a while, then closes them. Without
        `gracefulShutdown` they are closed at once."""
        graceful = self.settings.graceful_shutdown
        self._empty = asyncio.Event()
        if self._timer is not None:
            self._timer.cancel()
        for server in self._servers:
            server.close()
        for bound in self._sockets:
            bound.close()
        for pending in list(self._waiting):
            pending.close()
        for session in list(self._sessions):
            session.shut_down(at_once=not graceful)
        if self._sessions:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_SECONDS if graceful else LAST_WORDS_SECONDS):
                    await self._empty.wait()
        for session in list(self._sessions):
            session.shut_down(at_once=True)

    def _tick(self) -> None:
        """One timer for all sessions."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for session in list(self._sessions):
            session.check_idle(now)
        pause = min(MAX_TIMER_SECONDS, max(0.05, self.settings.connection_timeout_seconds / 4))
        self._timer = loop.call_later(pause, self._tick)
