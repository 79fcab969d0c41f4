"""The files of the distributed edition. `cassandra.properties` chooses it: without that file the data is in the embedded store."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from compostela.adapters.cassandra.configuration import read_cassandra_settings
from compostela.adapters.cassandra.queue_settings import read_queue_settings
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.adapters.redis.settings import read_redis_settings
from compostela.adapters.s3.settings import read_blob_settings
from compostela.app.engines import EngineSettings
from compostela.base.declared import Group, Reader
from compostela.base.settings import Place, Problems, Settings
from compostela.core.tasks.settings import TaskSettings

CHOOSING_FILE = "cassandra.properties"
BLOB_FILES = ("blob.properties", "blobstore.properties")
"""James's two names of one file."""
ENGINE_FILES = (CHOOSING_FILE, "cassandra-driver.conf", *BLOB_FILES, "redis.properties", "queue.properties")


@dataclass(frozen=True, slots=True)
class RabbitFile:
    """`rabbitmq.properties`."""

    tasks: Annotated[TaskSettings, Group()]
    broker: Annotated[RabbitSettings, Group()]


read_rabbitmq = Reader(RabbitFile)


def read_engines(
    settings: Callable[[str], Settings], has: Callable[[str], bool], rabbit: RabbitSettings, problems: Problems
) -> EngineSettings | None:
    """`settings` gives those of a file, empty ones if it is missing. None if the folder is one of the embedded edition."""
    if not has(CHOOSING_FILE):
        for name in filter(has, ENGINE_FILES):
            problems.warning(
                Place(name), f"the file has no effect without {CHOOSING_FILE}: the data is in the embedded store"
            )
        return None
    if all(map(has, BLOB_FILES)):
        problems.error(Place(BLOB_FILES[1]), f"there is {BLOB_FILES[0]} too: remove one of them")
    blobs = BLOB_FILES[1] if has(BLOB_FILES[1]) else BLOB_FILES[0]
    return EngineSettings(
        cassandra=read_cassandra_settings(settings(CHOOSING_FILE), settings("cassandra-driver.conf")),
        rabbit=rabbit,
        blobs=read_blob_settings(settings(blobs)),
        redis=read_redis_settings(settings("redis.properties")),
        queues=read_queue_settings(settings("queue.properties")),
    )
