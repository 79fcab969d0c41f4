"""The fixtures of `tests.contracts.distance` for the embedded store. A test module imports them by name."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.errors import TemporaryFailure
from compostela.testing.clock import FakeClock
from compostela.testing.data_folder import open_store
from tests.contracts.distance import SKEW_SECONDS, Eventually, Settled, eventually_within

__all__ = ["clock", "elsewhere", "eventually", "faulty", "held_store", "held_writer", "patience", "settled", "store"]

DELAY_SECONDS = 0.02
Run = Callable[..., Any]


class WriterFaults:
    """A fault injector between the ports of a store and its writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._run: Run = writer.run
        self._go = asyncio.Event()
        self._reached = asyncio.Event()
        self._is_dead = False

    def _set(self, run: Run) -> None:
        self._writer.run = run  # type: ignore[method-assign]

    @contextmanager
    def _instead(self, run: Run) -> Iterator[None]:
        self._set(run)
        try:
            yield
        finally:
            self._set(self._run)

    def refuses(self) -> Any:
        async def run(job: Callable[[Transaction], object], **how: bool) -> object:
            raise TemporaryFailure("refused")

        return self._instead(run)

    def drops_answers(self) -> Any:
        async def run(job: Callable[[Transaction], object], **how: bool) -> object:
            await self._run(job, **how)
            raise TemporaryFailure("the answer is lost")

        return self._instead(run)

    def delays(self) -> Any:
        async def run(job: Callable[[Transaction], object], **how: bool) -> object:
            await asyncio.sleep(DELAY_SECONDS)
            return await self._run(job, **how)

        return self._instead(run)

    def hold(self) -> None:
        async def run(job: Callable[[Transaction], object], **how: bool) -> object:
            self._reached.set()
            await self._go.wait()
            if self._is_dead:
                raise TemporaryFailure("the writer is dead")
            return await self._run(job, **how)

        self._set(run)

    async def reached(self) -> None:
        await self._reached.wait()

    def release(self) -> None:
        self._go.set()
        self._set(self._run)

    def kill(self) -> None:
        self._is_dead = True
        self.release()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def store(tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    store = await open_store(tmp_path, clock)
    yield store
    await store.close()


class SkewedClock(FakeClock):
    """Goes with another clock, ahead of it."""

    def __init__(self, other: FakeClock) -> None:
        super().__init__()
        self._other = other

    def now(self) -> float:
        return self._other.now() + SKEW_SECONDS


@pytest.fixture
async def elsewhere(store: EmbeddedStore, tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    other = await open_store(tmp_path, SkewedClock(clock))
    yield other
    await other.close()


@pytest.fixture
async def held_store(store: EmbeddedStore, tmp_path: Path, clock: FakeClock) -> AsyncIterator[EmbeddedStore]:
    """The store whose writes `held_writer` holds: only those of the test, for it does not tidy."""
    other = await open_store(tmp_path, clock)
    for task in other._upkeep:
        task.cancel()
    yield other
    await other.close()


@pytest.fixture
def held_writer(held_store: EmbeddedStore) -> WriterFaults:
    return WriterFaults(held_store._writer)


@pytest.fixture
def faulty(store: EmbeddedStore) -> WriterFaults:
    return WriterFaults(store._writer)


@pytest.fixture
def patience() -> float:
    return 0.0


@pytest.fixture
def settled(store: EmbeddedStore) -> Settled:
    async def settle() -> None:
        await store.queues.claim()

    return settle


@pytest.fixture
def eventually() -> Eventually:
    return eventually_within(0.0)
