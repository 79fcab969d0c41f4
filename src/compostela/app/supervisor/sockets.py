"""The listening sockets of the whole server, which outlive its workers."""

import logging
import socket
from collections.abc import Sequence

from compostela.app.supervisor.plan import PlannedSocket
from compostela.base.listening import BindError, address_text, listening_socket

_log = logging.getLogger(__name__)

_ANY, _ANY_6 = "0.0.0.0", "::"


class ServerSockets:
    """Sockets by the key of the plan."""

    def __init__(self, handed: dict[str, socket.socket]) -> None:
        """`handed` are those of systemd by address: taken when they are planned, and never closed."""
        self._handed = handed
        self.open: dict[str, socket.socket] = {}

    def bind(self, planned: Sequence[PlannedSocket]) -> dict[str, socket.socket]:
        """The sockets of a plan, new or open already. Raises `BindError`; then no further ones are open."""
        found: dict[str, socket.socket] = {}
        new: list[socket.socket] = []
        try:
            for one in planned:
                known = self.open.get(one.key) or self._handed_for(one)
                if known is None:
                    known = listening_socket(one.host, one.port, one.backlog)
                    new.append(known)
                found[one.key] = known
        except BindError:
            for bound in new:
                bound.close()
            raise
        self.open |= found
        return found

    def keep(self, keys: Sequence[str]) -> None:
        """Closes all others: their clients are refused from now on."""
        for key in self.open.keys() - set(keys):
            bound = self.open.pop(key)
            if bound not in self._handed.values():
                _log.info("a socket is closed", extra={"address": key})
                bound.close()

    def _handed_for(self, planned: PlannedSocket) -> socket.socket | None:
        if not planned.port:
            return None
        hosts = [planned.host, _ANY_6] if planned.host == _ANY else [planned.host]
        return next(
            (self._handed[key] for host in hosts if (key := address_text(host, planned.port)) in self._handed), None
        )
