"""Serving WebAdmin inside the mail server's event loop."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from compostela.web.webadmin.places import RESERVED_PLACES, LimitedApplication, Places
from compostela.web.webadmin.request_limits import UNLIMITED, RequestLimits, limited_protocol

MAX_CONCURRENT_REQUESTS = 100
KEEP_ALIVE_SECONDS = 30


class _Server(uvicorn.Server):
    """Signals are the life cycle's business, not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Config(uvicorn.Config):
    """With a TLS context that is already made, since keys may come from anywhere."""

    context: ssl.SSLContext | None = None

    def load(self) -> None:
        super().load()
        self.ssl = self.context


class WebAdminServer:
    """Runs an ASGI application on sockets that were bound before (so that a port in use is known before anything starts);
    with a context over TLS."""

    def __init__(
        self,
        application: ASGIApp,
        sockets: list[socket.socket],
        context: ssl.SSLContext | None = None,
        *,
        connections: int = MAX_CONCURRENT_REQUESTS,
        limits: RequestLimits = UNLIMITED,
        reserved_for: str | None = None,
    ) -> None:
        """Past `connections` the longest idle one is closed for the next, and past as many requests in work the answer is 503;
        `RESERVED_PLACES` more are for the path `reserved_for` and below it. `limits` are those of a request."""
        self._sockets = sockets
        places = Places(connections, RESERVED_PLACES if reserved_for is not None else 0)
        config = _Config(
            LimitedApplication(application, connections, reserved_for),
            http=limited_protocol(limits, places),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        config.context = context
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=self._sockets))
        # the library has no event to wait for
        while not self._server.started and not self._task.done():  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Finishes requests in flight, for at most five seconds."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
