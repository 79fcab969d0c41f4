"""Dialogues on the distributed edition: fixtures that put its stores in the place of the embedded ones. They are used where
COMPOSTELA_TEST_EDITION=distributed is set."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.adapters.s3.settings import BlobSettings
from compostela.app.configuration.folder import load
from compostela.app.editions.engine_stores import stores_of
from compostela.base.settings import Problems, Severity
from compostela.testing.server import Edition, Opened
from tests.distributed.cassandra_faults import NotingSession
from tests.distributed.conftest import cassandra_settings, empty_tables
from tests.distributed.nodes import EngineFiles, files_of, redis_server
from tests.distributed.queue.conftest import broker_uri
from tests.distributed.redis.server import RedisServer
from tests.distributed.s3.conftest import blob_settings

__all__ = ["blob_settings", "broker_uri", "cassandra_settings", "distributed_edition", "engine_files", "redis_server"]


@pytest.fixture
def engine_files(
    cassandra_settings: CassandraSettings, broker_uri: str, blob_settings: BlobSettings, redis_server: RedisServer
) -> EngineFiles:
    redis_server.empty()
    return files_of(cassandra_settings, broker_uri, blob_settings, redis_server)


@pytest.fixture(autouse=True)
async def distributed_edition(
    engine_files: EngineFiles, cassandra_settings: CassandraSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[None]:
    """All servers of a test are nodes of one cluster, which is empty before and after it."""
    folder = tmp_path / "conf-of-engines"
    folder.mkdir()
    for name, text in engine_files.items():
        (folder / name).write_text(text)
    problems = Problems()
    configuration = load(folder, tmp_path, problems)
    engines, held_seconds = configuration.engines, configuration.listeners.held_seconds
    assert engines is not None
    assert not problems.of(Severity.ERROR)

    async def open_stores(data: Path) -> Opened:
        data.mkdir(exist_ok=True)
        session = await NotingSession.open(cassandra_settings)
        return stores_of(session, data / "arriving", engines, held_seconds, lambda: None), None

    monkeypatch.setattr(Edition, "open", staticmethod(open_stores))
    yield
    session = await NotingSession.open(cassandra_settings)
    await empty_tables(session)
    await session.close()
