"""What the hosts of IMAP and POP3 sessions do alike: send the replies of one round as one write, and greet no banned client."""

import logging
from abc import abstractmethod

from compostela.base.log import trace_id
from compostela.core.filtering.ports import BanList
from compostela.net.listeners import Listener
from compostela.net.session_host import Engine, SessionHost

_log = logging.getLogger(__name__)


class GatheringHost(SessionHost):
    """One connection whose replies are gathered until `_flush`."""

    __slots__ = ("_gathered", "_gathered_bytes")

    def __init__(self, listener: Listener, reader: Engine) -> None:
        super().__init__(listener, reader)
        self._gathered: list[bytes] = []
        self._gathered_bytes = 0

    @abstractmethod
    def _greet(self) -> None:
        """Send the greeting."""

    @abstractmethod
    def _turn_away(self) -> None:
        """Tell a banned client so and close."""

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

    def _begin(self, bans: BanList | None) -> None:
        """Greet an admitted client. Without a list of bans this needs no task."""
        if bans is None:
            self._greet()
        else:
            self._start(self._greet_unless_banned(bans))

    async def _greet_unless_banned(self, bans: BanList) -> None:
        trace_id.set(self._session_id)
        if await bans.bans(self._address):
            _log.info("a client is banned", extra={"ip": self._address})
            self._note_end("the client is banned")
            self._turn_away()
        elif not self._closing:
            self._greet()
        await self._work()
