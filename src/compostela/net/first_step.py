"""Work that begins without a task.

What runs as a task begins in the next round of the event loop, after all that is ready by then. The first step of `begin_at_once` runs
inside the call instead: work that waits for nothing is over when the call returns, and no task is made for it.

Python has eager tasks from 3.12 on; they make the task all the same. Here code that asks for the current task while the first step runs
gets a stand-in, so `asyncio.timeout` and `asyncio.TaskGroup` work. Code that compares tasks by identity does not (anyio): so this is for
our own work, and not for hooks.
"""

import asyncio
import contextvars
import types
from collections.abc import Coroutine, Generator
from typing import Any, cast


class FirstStep:
    """Stands for a task that is made when the work has to wait."""

    __slots__ = ("__weakref__", "_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def begin_at_once(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Runs `work` until it waits, in a copy of this context, and returns the task that goes on with it; None if it is over. Not to be
        called within a task. What `work` raises in its first step is raised here."""
        context = contextvars.copy_context()
        itself = cast("asyncio.Task[None]", self)
        asyncio.tasks._enter_task(self._loop, itself)  # documented for those who write tasks of their own
        try:
            awaited = context.run(work.send, None)
        except StopIteration:
            return None
        finally:
            asyncio.tasks._leave_task(self._loop, itself)
        if awaited is not None:
            awaited._asyncio_future_blocking = False  # as a task does at once: others may await the same future
        rest = _go_on(work, awaited)
        context.run(rest.send, None)
        self._task = self._loop.create_task(rest, context=context)
        return self._task

    # what asyncio.timeout and asyncio.TaskGroup ask of the task that they began in

    def done(self) -> bool:
        return self._task is not None and self._task.done()

    def cancelling(self) -> int:
        return 0 if self._task is None else self._task.cancelling()

    def uncancel(self) -> int:
        return 0 if self._task is None else self._task.uncancel()

    def cancel(self, msg: object = None) -> bool:
        return self._task is not None and self._task.cancel(msg)


async def _go_on(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _rest(work, awaited)


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    """Awaits what the first step began to wait for, a future or None, and then the rest of the work. It is begun before the task is (with
    None, which nobody takes), so that a task that is cancelled before its first round cancels the work too."""
    given = None
    while True:
        try:
            yield given
        except BaseException as error:  # also a cancellation: the work says what follows from it
            is_early = given is not awaited and isinstance(error, asyncio.CancelledError)
            if not (is_early and awaited.cancel()):
                try:
                    given = awaited = work.throw(error)
                except StopIteration:
                    return
                continue
        if given is awaited:
            break
        given = awaited
        given._asyncio_future_blocking = True  # the sign by which a task knows what it is to wait for
    yield from work.__await__()
