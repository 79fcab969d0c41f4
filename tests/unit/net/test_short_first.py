"""Sessions with long commands begin a round of the event loop later than those with short ones."""

import asyncio

from compostela.net.short_first import ShortFirst


async def test_all_who_asked_begin_in_the_next_round_in_the_order_of_asking() -> None:
    line, begun = ShortFirst(), []
    for name in "abc":
        line.ask(lambda name=name: begun.append(name))
    assert begun == []
    await asyncio.sleep(0)
    assert begun == ["a", "b", "c"]


async def test_who_asks_while_others_begin_has_the_round_after() -> None:
    line, begun = ShortFirst(), []
    line.ask(lambda: line.ask(lambda: begun.append("second")))
    await asyncio.sleep(0)
    assert begun == []
    await asyncio.sleep(0)
    assert begun == ["second"]


async def test_a_task_that_is_started_at_once_comes_first() -> None:
    line, events, tasks, is_over = ShortFirst(), [], [], asyncio.Event()

    async def work(name: str) -> None:
        events.append(name)
        if len(events) == 4:
            is_over.set()

    def start(name: str) -> None:
        tasks.append(asyncio.create_task(work(name)))

    for number in range(3):
        line.ask(lambda number=number: start(f"long {number}"))
    start("short")
    await is_over.wait()
    assert events == ["short", "long 0", "long 1", "long 2"]
