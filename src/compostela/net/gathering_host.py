"""What the hosts of IMAP and POP3 sessions do alike: send the replies of one round as one write."""

from compostela.net.greeting_host import GreetingHost
from compostela.net.listeners import Listener
from compostela.net.session_host import Engine


class GatheringHost(GreetingHost):
    """One connection whose replies are gathered until `_flush`."""

    __slots__ = ("_gathered", "_gathered_bytes")

    def __init__(self, listener: Listener, reader: Engine) -> None:
        super().__init__(listener, reader)
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

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
