"""The greeting of the protocols that turn banned clients away."""

import logging
from typing import Protocol

from compostela.base.log import trace_id
from compostela.core.filtering.ports import BanList
from compostela.net.connection import Connection

_log = logging.getLogger(__name__)


class Greeter(Protocol):
    """A session that begins with the server's greeting."""

    def greet(self) -> None:
        """Send the greeting."""
        ...

    def turn_away(self) -> None:
        """Tell a banned client so and close."""
        ...

    async def work(self) -> None:
        """See `Session`."""
        ...


def begin(connection: Connection, session: Greeter, bans: BanList | None) -> None:
    """Greet an admitted client. Without a list of bans this needs no task."""
    if bans is None:
        session.greet()
    else:
        connection.start(_greet_unless_banned(connection, session, bans))


async def _greet_unless_banned(connection: Connection, session: Greeter, bans: BanList) -> None:
    trace_id.set(connection.id)
    if await bans.bans(connection.address):
        _log.info("a client is banned", extra={"ip": connection.address})
        connection.note_end("the client is banned")
        session.turn_away()
    elif not connection.is_closing:
        session.greet()
    await session.work()
