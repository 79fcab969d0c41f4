"""A whole IMAP session driven by callbacks, which cost less CPU than a task that awaits each answer."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

from bench.imap_client import TAG

_GREETING = b"* "
_OK = TAG + b" OK"
_TAGGED = TAG + b" "


class ImapSession(asyncio.Protocol):
    """Sends each of `commands` when the answer to the one before is complete, and closes the connection after the last.

    The seconds of a command are added to the list of the same place in `latencies`. `done` fails with an answer other than OK."""

    def __init__(self, commands: Sequence[bytes], latencies: Sequence[list[float]]) -> None:
        self._commands = commands
        self._latencies = latencies
        self._place = -1
        self._awaited = _GREETING
        self._line = b""
        self._start = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        """Only the last line is looked at: nothing follows a tagged answer."""
        data = self._line + data if self._line else data
        complete = data.endswith(b"\r\n")
        end = data.rfind(b"\r\n", 0, -2 if complete else None)
        start = end + 2 if end >= 0 else 0
        if not complete:
            self._line = data[start:]
            return
        self._line = b""
        if data.startswith(self._awaited, start):
            self._next()
        elif data.startswith(_TAGGED, start):
            self._fail(RuntimeError(f"{self._commands[self._place][:60]!r}: {data[-200:]!r}"))

    def _next(self) -> None:
        now = time.perf_counter()
        if self._place >= 0:
            self._latencies[self._place].append(now - self._start)
        self._awaited = _OK
        self._place += 1
        if self._place == len(self._commands):
            self._transport.close()
            if not self.done.done():
                self.done.set_result(None)
            return
        self._start = now
        self._transport.write(self._commands[self._place])

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self._transport.close()
