"""Work for many items at once."""

import asyncio

import pytest

from compostela.base.concurrency import side_by_side


async def test_results_come_in_the_order_of_the_items_and_the_limit_holds() -> None:
    running = most = 0

    async def work(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(10 - number % 10):
            await asyncio.sleep(0)
        running -= 1
        return number * 2

    assert await side_by_side(range(50), work, limit=7) == [number * 2 for number in range(50)]
    assert most == 7


async def test_an_error_stops_none_of_the_others_and_the_first_is_raised() -> None:
    done: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(0)
        if number in (2, 4):
            raise ValueError(number)
        done.append(number)

    with pytest.raises(ValueError, match="2"):
        await side_by_side(range(6), work)
    assert done == [0, 1, 3, 5]


async def test_no_item_is_no_work() -> None:
    assert await side_by_side([], asyncio.sleep) == []
