"""Listening sockets: bound before anything starts, limited, and closed in good order."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from compostela.base.metrics import gauge
from compostela.core.connections.model import Channel
from compostela.core.rate_limits.ports import ConnectionCounts
from compostela.model.username import Username
from compostela.net.accepting import AcceptTurns, SharedAcceptor
from compostela.net.admission import Admission, AdmittedConnection
from compostela.net.fair_scheduler import FairScheduler
from compostela.net.listening_sockets import ListeningSockets
from compostela.net.settings import ServerSettings

_log = logging.getLogger(__name__)

SHUTDOWN_SECONDS = 10.0
"""What is in flight may take so long when the server stops."""
LAST_WORDS_SECONDS = 1.0
"""Without `gracefulShutdown`: for peers to read that it is over."""
MAX_TIMER_SECONDS = 5.0


class OpenConnection(Protocol):
    """What a listener asks of the connections that it made."""

    account: Username | None
    """The user whose data the session reads and changes; None before a login."""

    @property
    def login(self) -> Username | None:
        """The user that has logged in."""
        ...

    def expel(self) -> None:
        """The account is removed: end at once."""
        ...

    def disconnect(self) -> None:
        """An administrator ends the connection: end at once."""
        ...

    def channel(self, endpoint: str, started: float) -> Channel:
        """What administrators are told of the connection. `endpoint` is the name of the server, `started` the epoch seconds at
        which the loop's time was 0."""
        ...

    def shut_down(self, *, at_once: bool = False) -> None:
        """Say good-bye and close as soon as nothing is in flight; or at once."""
        ...

    def check_idle(self, now: float) -> None:
        """Called every few seconds: close when silent for too long. `now` is the loop's time."""
        ...


ConnectionFactory = Callable[["Listener", bool], asyncio.Protocol]
"""Makes the protocol of a new connection; the flag tells whether TLS is there already."""


class Listener:
    """One server of the configuration: its sockets, its limits and its open connections."""

    def __init__(
        self,
        settings: ServerSettings,
        factory: ConnectionFactory,
        counts: ConnectionCounts,
        context: ssl.SSLContext | None = None,
        turns: AcceptTurns | None = None,
    ) -> None:
        """With `turns` the sockets are shared with other processes, which accept by turns."""
        self.settings = settings
        self._counts = counts
        self._turns = turns
        self._place = f"{settings.name} {' '.join(map(str, settings.bind))}"
        self.context = context
        self._factory = factory
        self._sockets: list[socket.socket] = []
        self._servers: list[asyncio.Server | SharedAcceptor] = []
        self._open: set[OpenConnection] = set()
        self._waiting: dict[Admission, str | None] = {}
        self.scheduler = FairScheduler()
        self.events_seen = 0
        """Commands and pieces of messages that its sessions have dealt with."""
        self._timer: asyncio.TimerHandle | None = None
        self._empty: asyncio.Event | None = None
        self._quiet: asyncio.Event | None = None
        """While it drains: whether no connection is left."""
        self._connections = gauge(f"{settings.name}Connections", "Open connections")

    def bind(self, sockets: ListeningSockets) -> None:
        """Takes the ports. Raises `BindError`."""
        self._sockets = sockets.take(self.settings.name, self.settings.bind, self.settings.backlog)

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def ports(self) -> list[int]:
        return [bound.getsockname()[1] for bound in self._sockets]

    async def start(self) -> None:
        """Begins to accept on what `bind` took."""
        loop = asyncio.get_running_loop()
        is_gated = self.settings.proxy is not None or self._implicit is not None
        for bound in self._sockets:
            factory = self._admission if is_gated else (lambda: self._factory(self, False))
            if self._turns is not None:
                self._servers.append(SharedAcceptor(bound, factory, self._turns))
            else:
                backlog = max(self.settings.backlog, 1)
                self._servers.append(await loop.create_server(factory, sock=bound, backlog=backlog))
        self._tick()

    @property
    def _implicit(self) -> ssl.SSLContext | None:
        return self.context if self.settings.tls.implicit else None

    def _admission(self) -> Admission:
        implicit = self._implicit
        return Admission(
            self,
            lambda: cast("AdmittedConnection", self._factory(self, implicit is not None)),
            self.settings.proxy,
            implicit,
        )

    @property
    def is_ending(self) -> bool:
        return self._empty is not None

    def admit_pending(self, pending: Admission, address: str | None) -> bool:
        """See `PendingConnections`."""
        if self._empty is not None or not self._count_in(address):
            return False
        self._waiting[pending] = address
        return True

    def release_pending(self, pending: Admission) -> None:
        if pending in self._waiting:
            self._count_out(self._waiting.pop(pending))
            self._look_quiet()

    def admit(self, connection: OpenConnection, address: str) -> bool:
        """Counts a new connection in; False when a limit is reached: then it closes at once."""
        if self._empty is not None:
            return False
        if not self._count_in(address):
            _log.info("connection refused: too many", extra={"server": self.settings.name, "ip": address})
            return False
        self._open.add(connection)
        self._connections.inc()
        return True

    def dismiss(self, connection: OpenConnection, address: str) -> None:
        """Counts a connection out. Unknown ones are ignored."""
        if connection not in self._open:
            return
        self._open.discard(connection)
        self._connections.dec()
        self._count_out(address)
        self._look_quiet()
        if self._empty is not None and not self._open:
            self._empty.set()

    def accounts(self) -> set[Username]:
        """Those whose data its sessions read and change."""
        return {connection.account for connection in self._open if connection.account is not None}

    def expel(self, account: Username) -> None:
        """Ends the sessions of an account that is removed."""
        for connection in [one for one in self._open if one.account == account]:
            connection.expel()

    def logins(self) -> set[Username]:
        """The users that are logged in."""
        return {user for connection in self._open if (user := connection.login) is not None}

    def channels(self, user: Username | None, started: float) -> list[Channel]:
        """The open connections of one user, or all. `started`: see `OpenConnection.channel`."""
        found = [one for one in self._open if user is None or one.login == user]
        return [one.channel(self.settings.name, started) for one in found]

    def disconnect(self, user: Username | None) -> None:
        """Ends the connections of one user, or all."""
        for connection in [one for one in self._open if user is None or one.login == user]:
            connection.disconnect()

    def _count_in(self, address: str | None) -> bool:
        """Return False if a limit is reached: of the server, or of this address if it is known."""
        limit, per_address = self.settings.connection_limit, self.settings.connection_limit_per_ip
        if not self._counts.enter(self._place, address, most=limit, most_of_address=per_address):
            return False
        if self._turns is not None:
            self._turns.entered()
        return True

    def _count_out(self, address: str | None) -> None:
        self._counts.leave(self._place, address)
        if self._turns is not None:
            self._turns.left()

    async def drain(self) -> None:
        """Stops accepting and returns when the last connection has ended of itself. The caller sets a time limit; `stop` follows."""
        self._quiet = asyncio.Event()
        await self._stop_accepting()
        self._look_quiet()
        await self._quiet.wait()

    def _look_quiet(self) -> None:
        if self._quiet is not None and not self._open and not self._waiting:
            self._quiet.set()

    async def _stop_accepting(self) -> None:
        for server in self._servers:
            server.close()
        for server in self._servers:
            if isinstance(server, SharedAcceptor):
                await server.settle()

    async def stop(self) -> None:
        """Stops accepting, lets sessions finish what is in flight for a while, then closes them. Without
        `gracefulShutdown` they are closed at once."""
        graceful = self.settings.graceful_shutdown
        await self._stop_accepting()
        self._empty = asyncio.Event()
        if self._timer is not None:
            self._timer.cancel()
        for bound in self._sockets:
            bound.close()
        for pending in list(self._waiting):
            pending.close()
        for connection in list(self._open):
            connection.shut_down(at_once=not graceful)
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SHUTDOWN_SECONDS if graceful else LAST_WORDS_SECONDS):
                    await self._empty.wait()
        for connection in list(self._open):
            connection.shut_down(at_once=True)

    def _tick(self) -> None:
        """One timer for all connections."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._open):
            connection.check_idle(now)
        pause = min(MAX_TIMER_SECONDS, max(0.05, self.settings.connection_timeout_seconds / 4))
        self._timer = loop.call_later(pause, self._tick)
