"""Greedy sessions wait for turns.

A session that has more to do than its share asks for a turn, and one of those that wait is let go on in each round of the event
loop. So a session that asks for little waits for at most one share of another's work, however many others are greedy. Now and then
all of them wait for a moment: the threads that store mail would otherwise get the interpreter too seldom.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

WORK_SECONDS = 0.002
REST_SECONDS = 0.001
QUIET_SECONDS = 0.01
"""So long after the last turn everybody has had rest enough."""


class FairScheduler:
    """The line of one server's greedy sessions; first come, first served."""

    __slots__ = ("_began_at", "_resting", "_turn_at", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._began_at = self._turn_at = 0.0
        self._resting = False

    def ask(self, go_on: Callable[[], None]) -> None:
        """Calls `go_on` when it is the caller's turn."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    async def take(self) -> None:
        """Returns when it is the caller's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ask(lambda: None if turn.done() else turn.set_result(None))
        await turn

    def _next(self) -> None:
        loop = asyncio.get_running_loop()
        now = time.perf_counter()
        if self._resting or now - self._turn_at > QUIET_SECONDS:
            self._began_at, self._resting = now, False
        elif now - self._began_at > WORK_SECONDS:
            self._resting = True
            loop.call_later(REST_SECONDS, self._next)
            return
        self._turn_at = now
        go_on = self._waiting[0]
        try:
            go_on()
        finally:
            # after the call: a session that asks again in it is put at the end, and does not start a second round
            self._waiting.popleft()
            if self._waiting:
                loop.call_soon(self._next)
