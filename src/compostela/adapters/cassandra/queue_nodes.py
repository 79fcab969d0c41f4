"""Which nodes are alive: each says so in a row that expires."""

import asyncio
import logging
import math

from compostela.adapters.cassandra.session import CassandraSession
from compostela.base.clock import Clock
from compostela.base.complaints import Complaints
from compostela.base.errors import TemporaryFailure

_log = logging.getLogger(__name__)

_BEAT = "INSERT INTO queue_node (node, beat) VALUES (?, ?) USING TTL ? AND TIMESTAMP ?"
_END = "DELETE FROM queue_node USING TIMESTAMP ? WHERE node = ?"
_FIND = "SELECT beat FROM queue_node WHERE node = ?"
_END_VERSION = 1 << 60


class Nodes:
    """This node's beat, and the question whether another one is alive. A node's name is new with each start."""

    def __init__(
        self, session: CassandraSession, node: str, clock: Clock, *, beat_seconds: float, dead_after_seconds: float
    ) -> None:
        self.own = node
        self._session = session
        self._beat_seconds = beat_seconds
        self._expiry = max(math.ceil(dead_after_seconds), 1)
        self._complaints = Complaints(_log, clock)
        self._beats = 0

    async def beat(self) -> None:
        """Raises `TemporaryFailure`."""
        self._beats += 1
        await self._session.write(_BEAT, self.own, self._beats, self._expiry, self._beats)

    async def keep_beating(self) -> None:
        while True:
            try:
                await self.beat()
            except TemporaryFailure as error:
                self._complaints.error("a node cannot say that it is alive", error)
            await asyncio.sleep(self._beat_seconds)

    async def end(self) -> None:
        """Raises `TemporaryFailure`."""
        await self._session.write(_END, _END_VERSION, self.own)

    async def is_alive(self, node: str) -> bool:
        """Raises `TemporaryFailure`."""
        return node == self.own or await self._session.first(_FIND, node) is not None
