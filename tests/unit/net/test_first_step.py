"""Work that begins without a task, and goes on as one when it waits."""

import asyncio
import contextvars
from collections.abc import Coroutine
from typing import Any

import pytest

from compostela.net.first_step import FirstStep

_name = contextvars.ContextVar("name", default="outside")


async def _begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """As the event loop calls `data_received`: outside of all tasks."""
    loop = asyncio.get_running_loop()
    begun: asyncio.Future[asyncio.Task[None] | None] = loop.create_future()

    def call() -> None:
        try:
            begun.set_result(FirstStep(loop).begin_at_once(work))
        except ValueError as error:
            begun.set_exception(error)

    loop.call_soon(call)
    return await begun


async def _begin_waiting(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    task = await _begin(work)
    assert task is not None
    return task


async def test_work_that_waits_for_nothing_is_over_at_once_and_has_no_task() -> None:
    done: list[type[object]] = []

    async def work() -> None:
        done.append(type(asyncio.current_task()))

    before = asyncio.all_tasks()
    assert await _begin(work()) is None
    assert done == [FirstStep]
    assert asyncio.all_tasks() == before


async def test_an_error_of_the_first_step_is_raised_to_the_caller() -> None:
    async def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await _begin(work())
    assert asyncio.current_task() is not None


async def test_work_that_waits_goes_on_as_a_task_with_the_result() -> None:
    first, second = asyncio.get_running_loop().create_future(), asyncio.get_running_loop().create_future()
    told = []

    async def work() -> None:
        told.append(await first)
        told.append(await second)

    task = await _begin_waiting(work())
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

    await (await _begin_waiting(work()))
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

    task = await _begin_waiting(work())
    broken.set_exception(ValueError("no"))
    await task
    assert told == ["no", "after"]


@pytest.mark.parametrize("rounds", [0, 3])
async def test_a_cancelled_task_cancels_the_work(rounds: int) -> None:
    told = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            await asyncio.sleep(0)
            told.append("tidied up")
            raise

    task = await _begin_waiting(work())
    for _ in range(rounds):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["cancelled", "tidied up"]


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

    await (await _begin_waiting(work()))
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

    await (await _begin_waiting(work()))
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
