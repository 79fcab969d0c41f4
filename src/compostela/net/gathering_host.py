"""What the hosts of IMAP and POP3 sessions do alike: send the replies of one round as one write, and work in slices of time."""

import time

from compostela.net.greeting_host import GreetingHost
from compostela.net.listeners import Listener
from compostela.net.session_host import Engine

GATHERED_BYTES = 64 * 1024
"""Shorter answers are sent together with the end of their command, longer ones piece by piece."""
SLICE_SECONDS = 0.003
"""A command that takes longer lets the other sessions work between its pieces. A shorter slice would lengthen long commands."""


class GatheringHost(GreetingHost):
    """One connection whose replies are gathered until `_flush`."""

    __slots__ = ("_gathered", "_gathered_bytes", "_slice_began")

    def __init__(self, listener: Listener, reader: Engine) -> None:
        super().__init__(listener, reader)
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0
        self._slice_began = 0.0

    def write(self, octets: bytes) -> None:
        """Add to the replies that the next flush sends."""
        self._gathered.append(octets)
        self._gathered_bytes += len(octets)

    def _flush(self) -> None:
        if self._gathered:
            octets = self._gathered[0] if len(self._gathered) == 1 else b"".join(self._gathered)
            self._gathered.clear()
            self._gathered_bytes = 0
            if not self._transport.is_closing():
                self._transport.write(octets)

    def _begin_slice(self) -> None:
        self._slice_began = time.perf_counter()

    async def _send_and_give_way(self, above: int) -> None:
        """Send what is gathered if it is at least `above` octets, and wait while the client does not read. Then let the other
        sessions work if this one has worked for `SLICE_SECONDS`."""
        if self._gathered_bytes >= above:
            self._flush()
            if self._writable is not None and not self._closing:
                await self._writable.wait()
        if time.perf_counter() - self._slice_began > SLICE_SECONDS:
            self._flush()
            await self._listener.scheduler.take()
            self._begin_slice()
