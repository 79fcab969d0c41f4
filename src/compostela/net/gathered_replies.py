"""Replies of one round as one write, and work in slices of time: for sessions of IMAP and POP3."""

import time

from compostela.net.connection import Connection

GATHERED_BYTES = 64 * 1024
"""Shorter answers are sent together with the end of their command, longer ones piece by piece."""
SLICE_SECONDS = 0.003
"""A command that takes longer lets the other sessions work between its pieces. A shorter slice would lengthen long commands."""


class GatheredReplies:
    """What a session has answered and not sent yet. It is sent by `flush`."""

    __slots__ = ("_connection", "_slice_began", "octets", "size_bytes")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._slice_began = 0.0
        self.octets: list[bytes] = []
        self.size_bytes = 0

    def write(self, octets: bytes) -> None:
        """Add to the replies that the next flush sends."""
        self.octets.append(octets)
        self.size_bytes += len(octets)

    def flush(self) -> None:
        if self.octets:
            octets = self.octets[0] if len(self.octets) == 1 else b"".join(self.octets)
            self.drop()
            self._connection.write(octets)

    def drop(self) -> None:
        """They are not sent."""
        self.octets.clear()
        self.size_bytes = 0

    def begin_slice(self) -> None:
        self._slice_began = time.perf_counter()

    async def drain(self, above: int = 0) -> None:
        """Send what is gathered if it is at least `above` octets, and wait while the client does not read. Then let the other
        sessions work if this one has worked for `SLICE_SECONDS`."""
        if self.size_bytes >= above:
            self.flush()
            if self._connection.writable is not None:
                await self._connection.wait_until_read()
        if time.perf_counter() - self._slice_began > SLICE_SECONDS:
            self.flush()
            await self._connection.take_turn()
            self.begin_slice()
