"""Accepting at sockets that several processes share.

The kernel wakes all processes that wait at a socket, and the first takes the connection: of a burst one process may take all, and
its core has all the work while others are idle. So each process writes its number of connections into a table that all map, and one
that has more than another leaves a new connection to that one for a moment.
"""

import asyncio
import errno
import logging
import mmap
import socket
from collections.abc import Callable

from compostela.base.worker_table import ABSENT, TURNS_OCTETS

_log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.003
"""How long a connection is left to others."""
PAUSE_SECONDS = 0.5
"""No connection is accepted for this time when the process or the system has no descriptor left."""
MAX_AT_ONCE = 16
"""Connections that one round of the loop accepts."""
UNEVENNESS = 16
"""A process leaves a new connection to another process if it has more connections than that one by over a sixteenth of its own."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class AcceptTurns:
    """The table of connections by process. `number` is this process's place."""

    def __init__(self, table: int, number: int) -> None:
        """`table` is the descriptor of a file as `compostela.base.worker_table` describes it."""
        self._octets = mmap.mmap(table, TURNS_OCTETS)
        self._counts = memoryview(self._octets).cast("q")
        self._number = number
        self._beginning = 0
        self.on_left: set[Callable[[], None]] = set()
        """Called when a connection of this process has ended."""

    def begin(self) -> None:
        """This process accepts."""
        self._counts[self._number] = 0

    def end(self) -> None:
        """This process accepts no more."""
        self._counts[self._number] = ABSENT

    def accepted(self) -> None:
        """A connection has come that is not counted yet."""
        self._beginning += 1

    def has_begun(self) -> None:
        """It is counted, or gone."""
        self._beginning -= 1

    def entered(self) -> None:
        if self._counts[self._number] != ABSENT:
            self._counts[self._number] += 1

    def left(self) -> None:
        if 0 < self._counts[self._number] != ABSENT:
            self._counts[self._number] -= 1
            for callback in tuple(self.on_left):
                callback()

    def is_anothers(self) -> bool:
        """Whether a process that accepts has clearly fewer connections than this."""
        own = self._counts[self._number] + self._beginning
        return self.fewest() + own // UNEVENNESS < own

    def fewest(self) -> int:
        """The connections of the process that has the fewest."""
        return min(self._counts.tolist())

    def close(self) -> None:
        self._counts.release()
        self._octets.close()


class SharedAcceptor:
    """Accepts at one listening socket from its making until `close`. Needs a running loop."""

    def __init__(self, bound: socket.socket, factory: Callable[[], asyncio.Protocol], turns: AcceptTurns) -> None:
        self._bound = bound
        self._factory = factory
        self._turns = turns
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._share = 1
        """How many connections are taken after the next pause if they are still another's: the kernel may give that process a core late."""
        self._fewest = 0
        """What the other process had when the pause began."""
        self._loop.add_reader(bound, self._ready)

    def close(self) -> None:
        """The socket itself stays open."""
        self._loop.remove_reader(self._bound)
        self._turns.on_left.discard(self._look_again)
        if self._timer is not None:
            self._timer.cancel()

    async def settle(self) -> None:
        """Returns when every connection that was accepted has its protocol."""
        while self._beginning:
            await asyncio.wait(self._beginning)

    def _ready(self) -> None:
        if self._turns.is_anothers():
            self._fewest = self._turns.fewest()
            self._pause(PATIENCE_SECONDS)
            self._turns.on_left.add(self._look_again)
        else:
            self._share = 1
            self._accept(MAX_AT_ONCE, leaves=True)

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._bound)
        self._timer = self._loop.call_later(seconds, self._go_on)

    def _look_again(self) -> None:
        """While a connection is left to another process: where clients come and go it may be this one's turn by now."""
        if self._timer is not None and not self._turns.is_anothers():
            self._timer.cancel()
            self._timer = None
            self._turns.on_left.discard(self._look_again)
            self._loop.add_reader(self._bound, self._ready)

    def _go_on(self) -> None:
        self._timer = None
        self._turns.on_left.discard(self._look_again)
        self._loop.add_reader(self._bound, self._ready)
        if not self._turns.is_anothers() or self._turns.fewest() > self._fewest:
            # the other process is at work
            self._share = 1
        self._accept(self._share, leaves=False)
        self._share = min(2 * self._share, MAX_AT_ONCE)

    def _accept(self, most: int, *, leaves: bool) -> None:
        """Accept what waits. With `leaves`, stop when the next connection is for another process."""
        for _ in range(most):
            try:
                connection, _ = self._bound.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                _log.error("a connection cannot be accepted: %s", error.strerror)
                self._pause(PAUSE_SECONDS)
                return
            connection.setblocking(False)
            self._turns.accepted()
            beginning = self._loop.create_task(self._begin(connection))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)
            if leaves and self._turns.is_anothers():
                return

    async def _begin(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._factory, connection)
        except OSError as error:
            # the client is gone
            connection.close()
            _log.debug("a connection did not begin", extra={"reason": str(error)})
        finally:
            self._turns.has_begun()
