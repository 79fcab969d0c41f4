"""Connections to next hops that wait for another mail for a moment."""

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

MAX_IDLE = 100
"""Connections that wait at a time; a further one is ended at once."""


class Endable(Protocol):
    """A connection. It belongs to this process alone, embedded and distributed alike."""

    async def quit(self) -> None: ...

    async def close(self) -> None: ...


C = TypeVar("C", bound=Endable)


class IdleConnections(Generic[C]):
    """By what they may be used for. Belongs to one event loop."""

    def __init__(self, seconds: float, most: int = MAX_IDLE) -> None:
        """`seconds`: how long one waits; 0 for not at all."""
        self._seconds = seconds
        self._most = most
        self._waiting: dict[Hashable, deque[tuple[C, asyncio.TimerHandle]]] = {}
        self._count = 0
        self._ending: set[asyncio.Task[None]] = set()

    def take(self, key: Hashable) -> C | None:
        """The one that waited for the shortest time."""
        waiting = self._waiting.get(key)
        if not waiting:
            return None
        connection, timer = waiting.pop()
        timer.cancel()
        self._forget(key, waiting)
        return connection

    def put(self, key: Hashable, connection: C) -> bool:
        """False if it may not wait: it is still the caller's."""
        if not self._seconds or self._count >= self._most:
            return False
        timer = asyncio.get_running_loop().call_later(self._seconds, self._expire, key, connection)
        self._waiting.setdefault(key, deque()).append((connection, timer))
        self._count += 1
        return True

    async def close(self) -> None:
        """Ends all."""
        for waiting in self._waiting.values():
            for connection, timer in waiting:
                timer.cancel()
                self._end(connection)
        self._waiting, self._count = {}, 0
        await asyncio.gather(*self._ending)

    def _expire(self, key: Hashable, connection: C) -> None:
        waiting = self._waiting.get(key, deque())
        for pair in waiting:
            if pair[0] is connection:
                waiting.remove(pair)
                self._forget(key, waiting)
                self._end(connection)
                return

    def _forget(self, key: Hashable, waiting: deque[tuple[C, asyncio.TimerHandle]]) -> None:
        self._count -= 1
        if not waiting:
            del self._waiting[key]

    def _end(self, connection: C) -> None:
        task = asyncio.create_task(_ended(connection))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


async def _ended(connection: Endable) -> None:
    try:
        await connection.quit()
    finally:
        await connection.close()
