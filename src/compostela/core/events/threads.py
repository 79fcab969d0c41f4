"""Calls of listener methods: asynchronous ones on the loop, synchronous ones on a thread, each within a time limit."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from typing import Any, TypeVar

from compostela.base.concurrency import contained

T = TypeVar("T")
A = TypeVar("A")

CANCEL_SECONDS = 1.0
"""How long a method that was cancelled may take to end."""

_loop: ContextVar[asyncio.AbstractEventLoop] = ContextVar("_loop")


class Hanging(Exception):
    """The method did not end within the time limit and goes on: it must not be called again for the same changes. Or it was not
    called, because so many calls go on that no other may begin."""


class Slots:
    """How many calls of one group run at once. A call that hangs keeps its slot until it ends."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = asyncio.Semaphore(count)
        self._hanging: set[asyncio.Future[None]] = set()
        self._impatient: set[asyncio.Timeout] = set()
        """Of those that do not wait for calls that hang."""

    @property
    def hanging(self) -> int:
        """Calls that are past their time limit and still run."""
        return len(self._hanging)

    async def take(self) -> None:
        """Wait until a slot is free, and take it for the `call` that follows."""
        await self._free.acquire()

    async def take_unless_stuck(self) -> None:
        """The same, but raises `Hanging` if calls that hang have all slots: they may keep them for ever."""
        try:
            async with asyncio.timeout(None) as limit:
                self._impatient.add(limit)
                self._end_waits_if_stuck()
                try:
                    await self.take()
                finally:
                    self._impatient.discard(limit)
        except TimeoutError:
            raise Hanging("all calls of the listener that may run at once hang") from None

    def _end_waits_if_stuck(self) -> None:
        if len(self._hanging) == self._count:
            for limit in self._impatient:
                limit.reschedule(asyncio.get_running_loop().time())

    async def call(self, method: Callable[[A], Awaitable[None] | None], argument: A, seconds: float) -> None:
        """Call the method in a slot that was taken. Raises what it raises, `TimeoutError` if it was cut off after `seconds`, and
        `Hanging` if it could not be cut off."""
        work = _started(method, argument)
        work.add_done_callback(self._ended)
        try:
            await asyncio.wait([work], timeout=seconds)
        finally:
            # also when the caller is cancelled
            if not work.done():
                work.cancel()
        if not work.done():
            await asyncio.wait([work], timeout=CANCEL_SECONDS)
        if not work.done():
            self._hanging.add(work)
            self._end_waits_if_stuck()
            raise Hanging(f"the listener did not end within {seconds:g} s and goes on")
        if work.cancelled():
            raise TimeoutError(f"the listener did not end within {seconds:g} s")
        work.result()

    def _ended(self, work: "asyncio.Future[None]") -> None:
        self._hanging.discard(work)
        self._free.release()
        if not work.cancelled():
            work.exception()  # of a call that has no waiting caller any more


def wait_for(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the server's loop and wait for its result: for synchronous listener methods."""
    return asyncio.run_coroutine_threadsafe(coroutine, _loop.get()).result()


def _started(method: Callable[[A], Awaitable[None] | None], argument: A) -> "asyncio.Future[None]":
    if inspect.iscoroutinefunction(method):
        return asyncio.ensure_future(contained(method(argument)))
    return _Thread(method, argument)


class _Thread(asyncio.Future[None]):
    """A method on a thread of its own. It is not done before the thread ends, because a thread cannot be cancelled. A daemon,
    so that one that hangs does not hold up the end of the process."""

    def __init__(self, method: Callable[[A], Awaitable[None] | None], argument: A) -> None:
        super().__init__()
        self._run_on = asyncio.get_running_loop()
        threading.Thread(target=self._work, args=(method, argument), name="listener", daemon=True).start()

    def cancel(self, msg: Any | None = None) -> bool:  # noqa: ARG002 - asyncio's signature
        return False

    def _work(self, method: Callable[[A], Awaitable[None] | None], argument: A) -> None:
        _loop.set(self._run_on)
        try:
            method(argument)
        except BaseException as error:
            self._tell(error)
        else:
            self._tell(None)

    def _tell(self, error: BaseException | None) -> None:
        # a loop that is closed waits for nothing
        if not self._run_on.is_closed():
            self._run_on.call_soon_threadsafe(self._finish, error)

    def _finish(self, error: BaseException | None) -> None:
        if error is None:
            self.set_result(None)
        else:
            self.set_exception(error if isinstance(error, Exception) else RuntimeError(repr(error)))
