"""The listener of the administration API: bound with the mail ports, served after they are open."""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compostela.app import first_start
from compostela.net.listening_sockets import ListeningSockets
from compostela.net.settings import BindAddress
from compostela.web.webadmin.settings import WebAdminSettings

if TYPE_CHECKING:
    from compostela.web.webadmin.route_group import RouteGroup
    from compostela.web.webadmin.server import WebAdminServer

NAME = "webadmin"
BACKLOG = 100


def address_of(settings: WebAdminSettings) -> BindAddress:
    """Where it listens."""
    return BindAddress("127.0.0.1" if settings.host == "localhost" else settings.host, settings.port)


class WebAdminListener:
    """`start` and `stop` are each called once."""

    def __init__(self, settings: WebAdminSettings, data: Path, sockets: ListeningSockets) -> None:
        """Takes the port. `data` is the folder that keeps the administration token. Raises `BindError`."""
        self._settings = settings
        self._data = data
        self._sockets: list[socket.socket] = sockets.take(NAME, (address_of(settings),), BACKLOG)
        self._server: WebAdminServer | None = None

    @property
    def port(self) -> int:
        port: int = self._sockets[0].getsockname()[1]
        return port

    async def start(self, groups: Sequence["RouteGroup"]) -> None:
        # slow to import
        from compostela.web.webadmin.application import create_application
        from compostela.web.webadmin.authentication import passwords_of
        from compostela.web.webadmin.request_limits import ADMINISTRATORS
        from compostela.web.webadmin.routes.health import HEALTH
        from compostela.web.webadmin.server import WebAdminServer

        passwords = passwords_of(self._settings, first_start.administration_token(self._data))
        application = create_application(groups, self._settings, passwords)
        server = WebAdminServer(application, self._sockets, limits=ADMINISTRATORS, reserved_for=HEALTH)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop()
        for bound in self._sockets:
            bound.close()
