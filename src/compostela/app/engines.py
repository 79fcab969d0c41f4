"""How the engines of the distributed edition are reached."""

from dataclasses import dataclass

from compostela.adapters.cassandra.queue_settings import QueueSettings
from compostela.adapters.cassandra.settings import CassandraSettings
from compostela.adapters.rabbitmq.settings import RabbitSettings
from compostela.adapters.redis.settings import RedisSettings
from compostela.adapters.s3.settings import BlobSettings


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """A configuration with these is one of the distributed edition."""

    cassandra: CassandraSettings
    rabbit: RabbitSettings
    blobs: BlobSettings
    redis: RedisSettings
    queues: QueueSettings
