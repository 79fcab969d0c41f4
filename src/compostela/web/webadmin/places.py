"""How many connections and requests an HTTP server takes, and which it gives up for others.

A connection that has no request in work is idle: it is silent, sends slowly, or was answered. When all places are taken the one that
has been idle for longest is closed in favour of the next, so silent connections do not lock out other clients. Some places beyond the limit are
kept for paths that must be answered whatever goes on, such as the health check's.
"""

from typing import Protocol

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

RESERVED_PLACES = 10
"""Beyond the limit: connections, and requests for reserved paths."""


class Occupant(Protocol):
    """A connection."""

    def give_up(self) -> None:
        """Close at once."""
        ...


class Places:
    """The connections of one server. Each is idle when it enters."""

    def __init__(self, limit: int, reserved: int) -> None:
        self._limit = limit
        self._reserved = reserved
        self._idle: dict[Occupant, None] = {}
        self._busy: set[Occupant] = set()

    def enter(self, connection: Occupant) -> bool:
        """Make room for a connection; return False if every place is taken by a request in work."""
        if len(self._busy) >= self._limit + self._reserved:
            return False
        while self._idle and len(self._idle) + len(self._busy) >= self._limit + self._reserved:
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            oldest.give_up()
        self._idle[connection] = None
        return True

    def begin(self, connection: Occupant) -> None:
        """A request's head has arrived."""
        if self._idle.pop(connection, self) is not self:
            self._busy.add(connection)

    def rest(self, connection: Occupant) -> None:
        """All its requests are answered."""
        if connection in self._busy:
            self._busy.remove(connection)
            self._idle[connection] = None

    def leave(self, connection: Occupant) -> None:
        """The connection is closed. One that never entered is ignored."""
        self._idle.pop(connection, None)
        self._busy.discard(connection)


class LimitedApplication:
    """Answers 503 to what goes beyond `limit` requests in work; requests for the path `reserved_for`, and below it, have
    `RESERVED_PLACES` more."""

    def __init__(self, app: ASGIApp, limit: int, reserved_for: str | None) -> None:
        self._app = app
        self._limit = limit
        self._reserved_for = reserved_for
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._requests >= self._limit + (RESERVED_PLACES if self._has_reserved(scope) else 0):
            await PlainTextResponse("Service Unavailable", 503)(scope, receive, send)
            return
        self._requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1

    def _has_reserved(self, scope: Scope) -> bool:
        path: str = scope["path"]
        return self._reserved_for is not None and (
            path == self._reserved_for or path.startswith(f"{self._reserved_for}/")
        )
