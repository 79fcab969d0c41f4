"""Workers of a queue that are kept alive, and that finish what they have in hand when they are stopped.

A queue's `dequeue`, `retry` and `give_back` do not raise, and a worker catches what its work raises. A worker that dies all the
same is logged, counted and started again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from compostela.base.metrics import counter
from compostela.core.queue.ports import MailQueue, QueueItem, Turn

_log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.1
"""Before a worker that died is started again; doubled each time."""
MAX_PAUSE_SECONDS = 60.0
"""The longest such pause. A worker that lived for longer starts with the first pause again."""
DRAIN_SECONDS = 20.0
"""How long workers that are stopped may go on with the entries that they have in hand."""
GIVE_UP_SECONDS = 60.0
"""An entry that can neither be processed nor put aside stays in the queue and is tried again after this."""

_restarts = counter("workerRestarts", "Workers that died and were started again")


class QueueWorkers:
    """`count` tasks that take entries from a queue and call `process`, which ends each by `done` or `retry`."""

    def __init__(
        self,
        name: str,
        count: int,
        queue: MailQueue,
        process: Callable[[QueueItem], Awaitable[None]],
        *,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        """`name` is for the log."""
        self._name = name
        self._count = count
        self._queue = queue
        self._process = process
        self._drain_seconds = drain_seconds
        self._turn: Turn | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._busy: set[asyncio.Task[None]] = set()
        self._is_stopping = False

    def start(self, turn: Turn | None = None) -> None:
        """`turn`: see `MailQueue.dequeue`."""
        self._turn = turn
        self._is_stopping = False
        self._tasks = [asyncio.create_task(self._supervise()) for _ in range(self._count)]

    async def stop(self) -> None:
        """Takes no further entry, waits for those in hand, and then gives back what is left, without counting an attempt."""
        self._is_stopping = True
        for task in self._tasks:
            if task not in self._busy:
                task.cancel()
        if self._busy:
            _, late = await asyncio.wait(self._busy, timeout=self._drain_seconds)
            if late:
                _log.warning("cut off at the stop: %d mails in work", len(late), extra={"worker": self._name})
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        pause = 0.0
        while not self._is_stopping:
            started = loop.time()
            try:
                await self._work()
            except (Exception, asyncio.CancelledError) as error:
                if is_cancelled():
                    raise
                if loop.time() - started > MAX_PAUSE_SECONDS:
                    pause = 0.0
                pause = min(MAX_PAUSE_SECONDS, pause * 2 or FIRST_PAUSE_SECONDS)
                _restarts.inc()
                _log.error("a worker died and is started again", exc_info=error, extra={"worker": self._name})
                await asyncio.sleep(pause)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._is_stopping:
            item = await self._queue.dequeue(self._turn)
            self._busy.add(task)
            try:
                await self._process(item)
            except (Exception, asyncio.CancelledError):
                if is_cancelled():
                    await item.give_back()
                    raise
                _log.exception(
                    "a queue entry could not be dealt with; it stays in the queue", extra={"mail": item.mail.name}
                )
                await item.retry(item.mail, GIVE_UP_SECONDS)
            finally:
                self._busy.discard(task)


def is_cancelled() -> bool:
    """Whether the current task is being cancelled. If not, a `CancelledError` comes from something that the task awaits, and is
    a failure like any other."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
