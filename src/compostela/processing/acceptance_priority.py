"""Acceptance comes first: a mail goes into the pipeline when some rounds of the event loop have passed in which no session of SMTP or
LMTP dealt with input.

While clients keep the process busy its time is theirs, so a burst is taken quickly and worked off afterwards; when they pause,
if only for the fraction of a millisecond, the pipeline goes on at full speed. What has waited for long goes in whatever the
clients do, so under lasting load both get their share and no mail waits without end.
"""

import asyncio
from collections import deque
from collections.abc import Callable

MAX_WAIT_SECONDS = 2.0
QUIET_ROUNDS = 16
"""Rounds without input that must follow a round with input, about 0.1 ms. Within that time a client that has got an answer often sends its next command."""


class AcceptancePriority:
    """Belongs to one event loop. `activity` gives a number that grows with all input that sessions deal with (see
    `net.listeners.Listener.events_seen`)."""

    def __init__(self, activity: Callable[[], int]) -> None:
        self._activity = activity
        self._seen = activity()
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()
        self._quiet_rounds = 0
        self._is_turning = False

    async def pass_through(self, waited_seconds: float) -> None:
        """Returns when it is the caller's turn; at once for what has waited `waited_seconds` already."""
        if waited_seconds > MAX_WAIT_SECONDS:
            return
        turn: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((self._loop.time() + MAX_WAIT_SECONDS - waited_seconds, turn))
        if not self._is_turning:
            self._is_turning = True
            # no other mail waits, so the load is low: one quiet round is enough
            self._seen = self._activity()
            self._quiet_rounds = QUIET_ROUNDS - 1
            self._loop.call_soon(self._turn)
        await turn

    def _turn(self) -> None:
        seen = self._activity()
        self._quiet_rounds = self._quiet_rounds + 1 if seen == self._seen else 0
        if self._quiet_rounds >= QUIET_ROUNDS or self._waiting[0][0] < self._loop.time():
            self._let_one_pass()
        self._seen = seen
        if self._waiting:
            self._loop.call_soon(self._turn)
        else:
            self._is_turning = False

    def _let_one_pass(self) -> None:
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():  # else the spooler has been stopped
                turn.set_result(None)
                return
