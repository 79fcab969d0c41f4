"""Greedy sessions wait for turns."""

import asyncio

from compostela.net.fair_scheduler import FairScheduler


async def test_one_goes_on_in_each_round_in_the_order_of_asking() -> None:
    turns, seen = FairScheduler(), []

    async def greedy(name: str) -> None:
        for _ in range(3):
            await turns.take()
            seen.append(name)

    await asyncio.gather(*(greedy(name) for name in "abc"))
    assert "".join(seen) == "abcabcabc"


async def test_others_are_not_kept_waiting_by_many() -> None:
    turns, over, work = FairScheduler(), asyncio.Event(), 0

    async def greedy() -> None:
        nonlocal work
        while not over.is_set():
            await turns.take()
            work += 1

    tasks = [asyncio.create_task(greedy()) for _ in range(500)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    before = work
    for _ in range(20):
        await asyncio.sleep(0)
    # twenty rounds of the loop let at most so many go on, of five hundred
    assert work - before <= 21
    over.set()
    await asyncio.gather(*tasks)


async def test_who_has_gone_does_not_stop_the_line() -> None:
    turns = FairScheduler()
    gone, waiting = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    gone.cancel()
    await waiting
    assert gone.cancelled()
    await turns.take()
