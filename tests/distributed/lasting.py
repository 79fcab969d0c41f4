"""The configuration of a server that many tests use: on the tables of the worker, with a virtual host and a bucket for the whole run."""

import os
from collections.abc import Iterator

import pytest

from compostela.adapters.cassandra.settings import CassandraSettings
from tests.distributed.conftest import cassandra_settings
from tests.distributed.nodes import EngineFiles, files_of, redis_server
from tests.distributed.queue.rabbit import make_vhost, remove_vhost, uri
from tests.distributed.redis.server import RedisServer
from tests.distributed.s3.seaweed import blob_settings_of, make_bucket, remove_bucket

__all__ = ["cassandra_settings", "lasting_engine_files", "redis_server"]


@pytest.fixture(scope="session")
def lasting_engine_files(
    cassandra_settings: CassandraSettings, redis_server: RedisServer, worker_id: str
) -> Iterator[EngineFiles]:
    """What the server wrote to the tables is removed at the start of the next run."""
    name = f"lasting-{os.getpid()}-{worker_id}"
    make_vhost(name)
    make_bucket(name)
    yield files_of(cassandra_settings, uri(name), blob_settings_of(name), redis_server)
    remove_bucket(name)
    remove_vhost(name)
