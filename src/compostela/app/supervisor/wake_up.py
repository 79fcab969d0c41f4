"""Signals as events of a selector."""

import contextlib
import selectors
import signal
import socket
from collections.abc import Iterable
from types import FrameType

READ_BYTES = 4096


class SignalPipe:
    """Remembers which signals came; a signal wakes the selector. For the main thread, once."""

    def __init__(self, selector: selectors.BaseSelector, numbers: Iterable[signal.Signals]) -> None:
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._came: dict[int, None] = {}
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, self._note)
        selector.register(self._reader, selectors.EVENT_READ, self._drain)

    def take(self) -> list[int]:
        """Signals since the last call, in order, each once."""
        found = list(self._came)
        for number in found:
            del self._came[number]
        return found

    def _note(self, number: int, _: FrameType | None) -> None:
        self._came[number] = None

    def _drain(self, _: int) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(READ_BYTES):
                pass
