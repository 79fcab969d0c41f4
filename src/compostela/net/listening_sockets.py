"""Where listeners get their sockets: from a process that bound them before (the supervisor, systemd), else bound here."""

import logging
import socket
from collections.abc import Iterable, Mapping

from compostela.base.listening import BindError, listening_socket, socket_key
from compostela.net.settings import ANY_ADDRESS, ANY_ADDRESS_6, BindAddress

_log = logging.getLogger(__name__)


class ListeningSockets:
    """Each handed socket is taken once."""

    def __init__(self, handed: Mapping[str, socket.socket] | None = None, *, binds: bool = True) -> None:
        """`handed` by the key of `compostela.base.listening.socket_key`. Without `binds` nothing is bound here."""
        self._handed = dict(handed or {})
        self._binds = binds

    def take(self, server: str, addresses: Iterable[BindAddress], backlog: int) -> list[socket.socket]:
        """Listening sockets of a server. Raises `BindError` with one sentence; then none is open."""
        sockets: list[socket.socket] = []
        try:
            for address in addresses:
                sockets += [self._take(server, address, backlog)]
        except BindError:
            for bound in sockets:
                bound.close()
            raise
        return sockets

    def _take(self, server: str, address: BindAddress, backlog: int) -> socket.socket:
        keys = [socket_key(server, address.host, address.port)]
        if address.host == ANY_ADDRESS:
            # a socket of both families, as systemd makes it
            keys.append(socket_key(server, ANY_ADDRESS_6, address.port))
        for key in keys:
            if key in self._handed:
                return self._handed.pop(key)
        if not self._binds:
            raise BindError(f"{address} is new in the configuration: 'compostela restart' opens it")
        return listening_socket(address.host, address.port, backlog)

    def close_rest(self) -> None:
        """Closes what no server has taken."""
        for key, bound in self._handed.items():
            _log.warning("no server listens on a socket that was handed over", extra={"address": key})
            bound.close()
        self._handed.clear()
