"""Calls that go on when their callers are cancelled, and those that have none."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

from compostela.base.complaints import Complaints

T = TypeVar("T")


class Calls:
    """The calls of one queue that are under way."""

    def __init__(self, complaints: Complaints) -> None:
        self._complaints = complaints
        self._whole: set[asyncio.Task[Any]] = set()  # Any: their results are their callers'
        self._later: set[asyncio.Task[Any]] = set()

    async def whole(self, call: Coroutine[Any, Any, T], undo: Callable[[T], object] | None = None) -> T:
        """A call whose writes are done to the end, also when its caller is cancelled; then `undo` is given its result."""
        task = asyncio.create_task(call)
        self._whole.add(task)
        task.add_done_callback(self._whole.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda ended: self._orphaned(ended, undo))
            raise

    def _orphaned(self, task: asyncio.Task[T], undo: Callable[[T], object] | None) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            self._complaints.error("a call whose caller was cancelled failed", error)
        elif undo is not None:
            undo(task.result())

    def later(self, call: Coroutine[Any, Any, object]) -> None:
        """A call for which no caller waits."""
        task = asyncio.create_task(call)
        self._later.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._later.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._complaints.error("a call in the background failed", error)

    async def settled(self) -> None:
        """Waits for the writes that are under way: those of cancelled calls are seen then."""
        if self._whole:
            await asyncio.wait(list(self._whole))

    async def close(self) -> None:
        """Ends what goes on in the background, and waits for the rest."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._whole, *self._later, return_exceptions=True)


async def all_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """The results. All calls have ended before the failure of one is raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return [result for result in results if not isinstance(result, BaseException)]
