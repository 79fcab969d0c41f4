"""What a service is told by systemd and tells it: sockets that are open already (`sd_listen_fds(3)`), readiness and signs of
life (`sd_notify(3)`). Without systemd nothing happens. Imports nothing heavy."""

import contextlib
import os
import socket
from collections.abc import MutableMapping

from compostela.base.listening import address_text

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


def handed_sockets(environment: MutableMapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """The listening sockets of `.socket` units by address, such as `[::]:25`; none for another process. Call it once."""
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return {}
    found = {}
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + int(environment.get("LISTEN_FDS", "0"))):
        os.set_inheritable(descriptor, False)
        bound = socket.socket(fileno=descriptor)
        bound.setblocking(False)
        host, port = bound.getsockname()[:2]
        found[address_text(host, port)] = bound
    return found


def without_service_manager(environment: MutableMapping[str, str]) -> dict[str, str]:
    """The environment of a child that is no service of its own."""
    return {name: value for name, value in environment.items() if name not in _VARIABLES}


def notify(text: str) -> None:
    """Tells systemd, as `READY=1`. A failure is no reason to stop."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
        out.setblocking(False)
        out.sendto(text.encode(), "\0" + place[1:] if place.startswith("@") else place)


def watchdog_seconds() -> float | None:
    """How often systemd wants a sign of life at least; None if it does not watch."""
    text, pid = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    return int(text) / 1e6 if text.isdecimal() and pid in ("", str(os.getpid())) else None
