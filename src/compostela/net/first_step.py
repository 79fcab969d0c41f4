"""Run the first step of a coroutine at once, and create a task only if it has to wait.

A task starts in the next round of the event loop, after everything that is ready by then. `FirstStep.begin_at_once` runs a coroutine
inside the call, up to its first wait. No task is created for a coroutine that never waits.

Python 3.12 has eager tasks, but creates a task in every case. During the first step `asyncio.current_task()` returns the `FirstStep`.
This is enough for `asyncio.timeout` and `asyncio.TaskGroup`, but not for libraries that compare tasks by identity, such as anyio. So do
not run hooks or other third-party code this way.
"""

import asyncio
import contextvars
import types
from collections.abc import Coroutine, Generator
from typing import Any, cast


class FirstStep:
    """The current task of a coroutine during its first step. Later calls are passed on to the task that continues it."""

    __slots__ = ("__weakref__", "_loop", "_task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[None] | None = None

    def begin_at_once(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run `work` up to its first wait, in a copy of the current context. Return the task that continues it, or None if `work` has
        finished. Raises the exceptions of the first step. If a task is running, asyncio allows no second one inside it: then `work`
        becomes an ordinary task."""
        if asyncio.current_task(self._loop) is not None:
            self._task = self._loop.create_task(work)
            return self._task
        context = contextvars.copy_context()
        itself = cast("asyncio.Task[None]", self)
        asyncio.tasks._enter_task(self._loop, itself)  # asyncio documents it for custom task classes
        try:
            awaited = context.run(work.send, None)
        except StopIteration:
            return None
        finally:
            asyncio.tasks._leave_task(self._loop, itself)
        if awaited is not None:
            awaited._asyncio_future_blocking = False  # asyncio.Task resets it too, so that others can await this future
        rest = _go_on(work, awaited)
        context.run(rest.send, None)
        self._task = self._loop.create_task(rest, context=context)
        return self._task

    # the methods of a task that asyncio.timeout and asyncio.TaskGroup call

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
    """Wait for `awaited`, the future or None at which the first step stopped, then continue `work`.

    The caller runs this generator to its first `yield` before it creates the task. If the task is then cancelled before its first round,
    asyncio raises the CancelledError at that `yield`, so the handler below passes it on to `work`."""
    given = None
    while True:
        try:
            yield given
        except BaseException as error:  # CancelledError too: `work` decides what to do about it
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
        given._asyncio_future_blocking = True  # asyncio.Task accepts a future only with this flag
    yield from work.__await__()
