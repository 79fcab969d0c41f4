"""Workers that are kept alive: a worker that ends is logged, counted and started again.

A queue's `dequeue` and `retry` do not raise, and a worker catches what its work raises. This is for everything else.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from compostela.base.metrics import counter

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
"""Before a worker that died is started again; doubled each time."""
MAX_PAUSE_SECONDS = 60.0
"""The longest such pause. A worker that lived for longer starts with the first pause again."""

_restarts = counter("workerRestarts", "Workers that died and were started again")


class Workers:
    """`count` tasks that each run `work` for ever."""

    def __init__(self, name: str, count: int, work: Callable[[], Awaitable[None]]) -> None:
        """`name` is for the log."""
        self._name = name
        self._count = count
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._supervise()) for _ in range(self._count)]

    async def stop(self) -> None:
        """Cuts off what is in work."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            started = loop.time()
            error: BaseException | None = None
            try:
                await self._work()
            except (Exception, asyncio.CancelledError) as raised:
                if is_stopping():
                    raise
                error = raised
            if loop.time() - started > MAX_PAUSE_SECONDS:
                pause = 0.0
            pause = min(MAX_PAUSE_SECONDS, pause * 2 or FIRST_PAUSE_SECONDS)
            _restarts.inc()
            _log.error("a worker died and is started again", exc_info=error, extra={"worker": self._name})
            await asyncio.sleep(pause)


def is_stopping() -> bool:
    """Whether the current task is being cancelled. If not, a `CancelledError` comes from something that the task awaits, and is
    a failure like any other."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
