"""A host of sessions that greets no banned client."""

import logging
from abc import abstractmethod

from compostela.base.log import trace_id
from compostela.core.filtering.ports import BanList
from compostela.net.session_host import SessionHost

_log = logging.getLogger(__name__)


class GreetingHost(SessionHost):
    """One connection, which begins with the server's greeting."""

    __slots__ = ()

    @abstractmethod
    def _greet(self) -> None:
        """Send the greeting."""

    @abstractmethod
    def _turn_away(self) -> None:
        """Tell a banned client so and close."""

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
