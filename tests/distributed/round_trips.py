"""Counts what one caller waits for: calls of the engines, and how many of them go one after the other."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.s3.bucket import Bucket

_DRIVERS: list[tuple[type, str, str]] = [
    (CassandraSession, "send", "cassandra"),
    (RabbitBroker, "publish", "rabbitmq"),
    (Bucket, "put", "s3"),
    (Bucket, "get", "s3"),
    (Bucket, "size", "s3"),
    (Bucket, "copy", "s3"),
    (RedisEngine, "_call", "redis"),
]
_counted: ContextVar["Trips | None"] = ContextVar("trips", default=None)


@dataclass
class Trips:
    """Of the work inside `counting`, with the tasks that it began. What goes on beside it is not counted."""

    calls: list[tuple[str, float, float]] = field(default_factory=list)
    """Engine, when the call began and when its answer came."""
    ended: float = 0.0

    @property
    def waited_for(self) -> list[tuple[str, float, float]]:
        """Calls that were over when the caller had its answer."""
        return [call for call in self.calls if call[2] <= self.ended]

    @property
    def count(self) -> int:
        return len(self.waited_for)

    @property
    def depth(self) -> int:
        """The longest chain of calls of which each begins when the one before is over."""
        depth, over = 0, 0.0
        for _, began, ended in sorted(self.waited_for, key=lambda call: call[2]):
            if began >= over:
                depth, over = depth + 1, ended
        return depth

    def of(self, engine: str) -> int:
        return sum(one == engine for one, _, _ in self.waited_for)


@pytest.fixture
def counted_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """All engine calls go through counters."""
    for driver, name, engine in _DRIVERS:
        monkeypatch.setattr(driver, name, _counting(getattr(driver, name), engine))


def _counting(call: Callable[..., Awaitable[Any]], engine: str) -> Callable[..., Awaitable[Any]]:
    async def counted(*arguments: Any, **named: Any) -> Any:  # Any: of any driver
        trips, began = _counted.get(), time.monotonic()
        try:
            return await call(*arguments, **named)
        finally:
            if trips is not None:
                trips.calls.append((engine, began, time.monotonic()))

    return counted


@contextmanager
def counting() -> Iterator[Trips]:
    trips = Trips()
    token = _counted.set(trips)
    try:
        yield trips
    finally:
        trips.ended = time.monotonic()
        _counted.reset(token)
