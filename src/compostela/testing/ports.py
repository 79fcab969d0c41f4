"""Ports for programs that are restarted: no other program takes one of them while its program is down."""

import fcntl
import os
import random
import socket
import tempfile
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FIRST = 10_000
_BLOCK = 200
_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""The ports that the system gives out for port 0 and for outgoing connections: to other tests, and to every connection."""


def free_port() -> int:
    """A TCP port of this process alone (other workers, and other runs of the tests, keep away from it), which the system does not give
    out. It may be given again after some two hundred more."""
    ports = _ports()
    for _ in range(_BLOCK):
        port = next(ports)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise RuntimeError("there is no free port")


@cache
def _ports() -> "Iterator[int]":
    """Those of a block that this process has locked until it ends."""
    folder = Path(tempfile.gettempdir()) / f"compostela-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    end = int(_GIVEN_OUT.read_text().split()[0]) if _GIVEN_OUT.exists() else 32_768
    blocks = list(range(_FIRST, end - _BLOCK, _BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        descriptor = os.open(folder / str(first), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return cycle(range(first, first + _BLOCK))
    raise RuntimeError("other runs of the tests have all ports")
