"""Workers stay alive until they are stopped."""

import asyncio

import pytest

from compostela.processing import workers
from compostela.processing.workers import Workers


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.mark.parametrize("death", [ValueError("a bug"), asyncio.CancelledError(), None], ids=["error", "cancel", "end"])
async def test_a_worker_that_dies_is_logged_and_started_again(
    death: BaseException | None, caplog: pytest.LogCaptureFixture
) -> None:
    lives: list[int] = []
    third = asyncio.Event()

    async def work() -> None:
        lives.append(1)
        if len(lives) < 3:
            if death is not None:
                raise death
            return
        third.set()
        await asyncio.Event().wait()

    started = Workers("test", 1, work)
    started.start()
    await asyncio.wait_for(third.wait(), 10)
    await started.stop()
    assert len(lives) == 3, "no further life after the stop"
    assert [record.message for record in caplog.records] == ["a worker died and is started again"] * 2


async def test_workers_that_are_stopped_end_at_once(caplog: pytest.LogCaptureFixture) -> None:
    running = 0

    async def work() -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1

    started = Workers("test", 5, work)
    started.start()
    await asyncio.sleep(0)
    assert running == 5
    await started.stop()
    assert (running, caplog.records) == (0, [])
