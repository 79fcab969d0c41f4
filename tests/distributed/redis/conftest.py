"""A Redis for the tests of a worker, emptied between them, and two nodes that use it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from compostela.adapters.redis.engine import RedisEngine
from compostela.testing.clock import FakeClock
from tests.distributed.redis.server import RedisServer


@pytest.fixture(scope="session")
def started_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(Path(tmp_path_factory.mktemp("redis")))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def server(started_server: RedisServer) -> RedisServer:
    started_server.empty()
    return started_server


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def engine(server: RedisServer) -> AsyncIterator[RedisEngine]:
    engine = server.engine()
    yield engine
    await engine.close()


@pytest.fixture
async def engine_elsewhere(server: RedisServer) -> AsyncIterator[RedisEngine]:
    engine = server.engine()
    yield engine
    await engine.close()
