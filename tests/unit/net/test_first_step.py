"""A coroutine starts without a task, and continues as a task if it has to wait."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from compostela.net.first_step import FirstStep

T = TypeVar("T")
_name = contextvars.ContextVar("name", default="outside")


async def _called(function: Callable[[], T]) -> T:
    """Call `function` from the event loop, outside of any task, as `data_received` is called."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def call() -> None:
        try:
            result.set_result(function())
        except ValueError as error:
            result.set_exception(error)

    loop.call_soon(call)
    return await result


def _begun(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    return FirstStep(asyncio.get_running_loop()).begin_at_once(work)


def _waiting(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = _begun(work)
    assert task is not None
    return task


def _cancelled(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Cancel the task before its first round."""
    task = _waiting(work)
    assert task.cancel()
    return task


async def test_work_that_waits_for_nothing_is_over_at_once_and_has_no_task() -> None:
    done: list[type[object]] = []

    async def work() -> None:
        done.append(type(asyncio.current_task()))

    before = asyncio.all_tasks()
    assert await _called(lambda: _begun(work())) is None
    assert done == [FirstStep]
    assert asyncio.all_tasks() == before


async def test_within_a_task_the_work_becomes_an_ordinary_task() -> None:
    current = []

    async def work() -> None:
        current.append(asyncio.current_task())

    task = _waiting(work())
    assert current == []
    await task
    assert current == [task]


async def test_an_error_of_the_first_step_is_raised_to_the_caller() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await _called(lambda: _begun(work()))
    assert asyncio.current_task() is not None


async def test_work_that_waits_goes_on_as_a_task_with_the_result() -> None:
    first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    told = []

    async def work() -> None:
        told.append(await first)
        told.append(await second)

    task = await _called(lambda: _waiting(work()))
    first.set_result("first")
    await asyncio.sleep(0)
    second.set_result("second")
    await task
    assert told == ["first", "second"]


async def test_what_is_done_before_the_task_has_begun_is_not_missed() -> None:
    told = []

    async def work() -> None:
        await asyncio.sleep(0)
        told.append(await asyncio.to_thread(lambda: "thread"))

    await (await _called(lambda: _waiting(work())))
    assert told == ["thread"]


async def test_an_error_that_is_waited_for_reaches_the_work() -> None:
    broken = asyncio.get_running_loop().create_future()
    told = []

    async def work() -> None:
        try:
            await broken
        except ValueError as error:
            told.append(str(error))
        await asyncio.sleep(0)
        told.append("after")

    task = await _called(lambda: _waiting(work()))
    broken.set_exception(ValueError("no"))
    await task
    assert told == ["no", "after"]


@pytest.mark.parametrize("begin", [_waiting, _cancelled])
async def test_a_cancelled_task_cancels_the_work(
    begin: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
) -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            await asyncio.sleep(0)
            told.append("tidied up")
            raise

    task = await _called(lambda: begin(work()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled", "tidied up"]


async def test_a_task_cancelled_before_its_first_round_cancels_what_the_work_awaits() -> None:
    inner = asyncio.create_task(asyncio.sleep(60))

    async def work() -> None:
        await inner

    task = await _called(lambda: _cancelled(work()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert inner.cancelled()


async def test_others_may_await_the_same_future() -> None:
    shared = asyncio.get_running_loop().create_future()
    told = []

    async def work() -> None:
        told.append(await shared)

    tasks = await _called(lambda: [_waiting(work()), _waiting(work()), asyncio.create_task(work())])
    shared.set_result("done")
    await asyncio.gather(*tasks)
    assert told == ["done"] * 3


async def test_a_time_limit_that_begins_in_the_first_step_ends_the_waiting() -> None:
    told = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.get_running_loop().create_future()
        except TimeoutError:
            told.append("time is over")
        async with asyncio.timeout(10):
            await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        told.append(str(task.cancelling()))

    await (await _called(lambda: _waiting(work())))
    assert told == ["time is over", "0"]


async def test_a_group_of_tasks_may_begin_in_the_first_step() -> None:
    told = []

    async def fail() -> None:
        raise ValueError("no")

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.get_running_loop().create_future()
        except* ValueError:
            told.append("failed")

    await (await _called(lambda: _waiting(work())))
    assert told == ["failed"]


async def test_the_work_has_a_context_of_its_own() -> None:
    loop = asyncio.get_running_loop()
    names, is_over = [], asyncio.Event()

    async def work() -> None:
        _name.set("inside")
        await asyncio.sleep(0)
        names.append(_name.get())
        is_over.set()

    def call() -> None:
        FirstStep(loop).begin_at_once(work())
        names.append(_name.get())

    loop.call_soon(call)
    await is_over.wait()
    assert names == ["outside", "inside"]
