"""Nodes of a cluster, each a process of its own, on the engines of the worker. A test module imports the fixtures by name."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compostela.adapters.cassandra.schema import MIGRATIONS
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.adapters.s3.settings import BlobSettings
from tests.distributed.cassandra_faults import FaultySession, NotingSession
from tests.distributed.queue.conftest import broker_uri
from tests.distributed.redis.server import RedisServer
from tests.distributed.s3.conftest import blob_settings
from tests.server_process import ServerProcess

__all__ = ["blob_settings", "broker_uri", "engine_files", "node", "redis_server"]

_TABLES = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
EngineFiles = dict[str, str]


def files_of(cassandra: CassandraSettings, broker_uri: str, blobs: BlobSettings, redis: RedisServer) -> EngineFiles:
    """The configuration of a node, by the names of its files."""
    return {
        "cassandra.properties": f"cassandra.nodes={cassandra.hosts[0]}\ncassandra.keyspace={cassandra.keyspace}\n",
        "cassandra-driver.conf": "datastax-java-driver.basic.request.timeout = 60 seconds\n",
        "rabbitmq.properties": f"uri={broker_uri}\n",
        "blob.properties": (
            f"implementation=s3\nobjectstorage.s3.endPoint={blobs.endpoint}\n"
            f"objectstorage.s3.accessKeyId={blobs.access_key}\nobjectstorage.s3.secretKey={blobs.secret_key}\n"
            f"objectstorage.namespace={blobs.bucket}\ndeduplication.enable=true\n"
        ),
        "redis.properties": f"redisURL=redis://127.0.0.1:{redis.port}\n",
        "queue.properties": "mail.queue.heartbeat=500ms\nmail.queue.dead.after=3s\nmail.queue.poll.interval=100ms\n",
    }


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def engine_files(
    session: FaultySession, broker_uri: str, blob_settings: BlobSettings, redis_server: RedisServer
) -> Iterator[EngineFiles]:
    """Of the worker's engines, which are empty before and after the test."""
    redis_server.empty()
    yield files_of(session.settings, broker_uri, blob_settings, redis_server)
    # other processes wrote to them
    NotingSession.written.update(_TABLES.findall(" ".join(text for area in MIGRATIONS for text in area)))


@pytest.fixture
def node(engine_files: EngineFiles, tmp_path: Path) -> Iterator[Callable[[str], ServerProcess]]:
    """Makes and starts the node of this name."""
    nodes: list[ServerProcess] = []

    def start(name: str) -> ServerProcess:
        made = ServerProcess(tmp_path / name)
        for file, text in engine_files.items():
            (made.conf / file).write_text(text)
        nodes.append(made)
        made.start()
        made.wait_for_web()
        return made

    yield start
    for one in nodes:
        one.stop()
