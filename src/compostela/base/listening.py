"""Binding a listening socket. Imports nothing heavy: the supervisor of the workers binds too."""

import errno
import socket

from compostela.base.errors import CompostelaError


class BindError(CompostelaError):
    """A port cannot be had; the text tells the operator why."""


def address_text(host: str, port: int) -> str:
    """As `127.0.0.1:25` and `[::1]:25`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def socket_key(server: str, host: str, port: int) -> str:
    """The name under which a socket is handed to a process: its address, or for any free port also the server's name."""
    text = address_text(host, port)
    return text if port else f"{server} {text}"


def listening_socket(host: str, port: int, backlog: int) -> socket.socket:
    """A bound, listening socket that does not block. `backlog` is how many connections may wait. Raises `BindError` with one sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # connections take this over from the socket that they come in at
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
        bound.listen(max(backlog, 1))
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise BindError(f"cannot listen on {address_text(host, port)}: {_reason(error)}") from error
    return bound


def _reason(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "the port is in use; stop the program that has it, or change <bind>"
    if error.errno == errno.EACCES:
        return "ports below 1024 need more rights; use a higher port, or grant CAP_NET_BIND_SERVICE"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have the address"
    return error.strerror or str(error)
