"""Calls to a node's WebAdmin."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.server_process import TOKEN, ServerProcess

SECONDS = 120.0
EMPTY: Mapping[str, str] = MappingProxyType({})


def web(server: ServerProcess, path: str, method: str = "GET", headers: Mapping[str, str] = EMPTY) -> tuple[int, bytes]:
    """Status and body."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.web}{path}", method=method, headers={"Password": TOKEN, **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def eventually(server: ServerProcess, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, server.log()[-3000:]
        time.sleep(0.1)
