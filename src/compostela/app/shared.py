"""What a worker shares with the others: sockets, counters, and what the leader does."""

from collections.abc import Callable
from pathlib import Path

from compostela.adapters.shared_counters.connection_counts import SharedConnections
from compostela.adapters.shared_counters.engine import CountersFile
from compostela.app.limits import shared_limits
from compostela.app.server.life_cycle import Server
from compostela.app.server.sibling_topics import take_levels
from compostela.app.server.surroundings import Surroundings
from compostela.app.worker import Inheritance, SupervisedWorker
from compostela.base.clock import SystemClock
from compostela.base.log_levels import LogLevels
from compostela.net.accepting import AcceptTurns
from compostela.net.listening_sockets import ListeningSockets

WORKERS_FOLDER = "workers"
"""In the data folder: the folders of workers that need one of their own."""


class Shared:
    """The worker's side of everything that is the whole server's. Needs a running loop."""

    def __init__(self, place: Inheritance, data: Path, end: Callable[[], None]) -> None:
        """`end` is called when others have taken the place of this worker and its sessions have ended, and when the supervisor is
        gone."""
        self._end = end
        self._file = CountersFile(data)
        clock = SystemClock()
        self.limits = shared_limits(self._file, clock)
        self._connections = SharedConnections(place.table, place.number, clock)
        self._turns = AcceptTurns(place.table, place.number)
        self._worker = SupervisedWorker(
            place.channel,
            lead=self._lead,
            drain=self._drain,
            orphaned=end,
        )
        self.surroundings = Surroundings(
            ListeningSockets(place.sockets, binds=False), self._connections, self._turns, self._worker, leads=False
        )
        self.own_folder = data / WORKERS_FOLDER / str(place.number)
        """For stores that one process uses at a time."""
        self._server: Server | None = None
        self._levels: LogLevels | None = None

    async def start(self, server: Server, levels: LogLevels) -> None:
        """Before the server takes connections."""
        self._server, self._levels = server, levels
        server.answer_siblings(levels)
        await self._worker.start()

    async def ready(self) -> None:
        """The server takes connections."""
        self._worker.ready()
        if self._levels is not None:
            await take_levels(self._worker, self._levels)

    async def stop(self) -> None:
        """After the server has stopped."""
        await self._worker.stop()
        self._turns.close()
        self._connections.close()
        self._file.close()

    async def _drain(self) -> None:
        if self._server is not None:
            await self._server.drain()
        self._end()

    def _lead(self) -> None:
        if self._server is not None:
            self._server.lead()
