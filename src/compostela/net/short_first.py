"""Short commands do not wait for long ones.

The event loop runs what is ready in the order of its arrival, so a NOOP would wait for the FETCHes of all the sessions that spoke
just before it. Here a session whose next command may be long begins one round of the loop later. In that round the short commands
that arrived with it are answered. Nobody waits for more than the round.
"""

import asyncio
from collections.abc import Callable


class ShortFirst:
    """The sessions of one server that begin with the next round."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def ask(self, begin: Callable[[], None]) -> None:
        """Calls `begin`, which starts a task, in the next round of the event loop. All who ask until then begin together, so that
        what they write shares a commit."""
        self._waiting.append(begin)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._begin_all)

    def _begin_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for begin in waiting:
            begin()
