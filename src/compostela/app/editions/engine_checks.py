"""Whether the engines answer, by James's names."""

from collections.abc import Awaitable, Callable

from compostela.adapters.cassandra.session import CassandraSession
from compostela.adapters.rabbitmq.broker import RabbitBroker
from compostela.adapters.redis.engine import RedisEngine
from compostela.adapters.s3.bodies import S3Blobs
from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.health.checks import HealthCheck, HealthStatus

_ASK = "SELECT version FROM schema_version WHERE name = 'tables'"


def engine_checks(
    session: CassandraSession, broker: RabbitBroker, blobs: S3Blobs, redis: RedisEngine
) -> list[HealthCheck]:
    """Without RabbitMQ mail is taken and waits; without Redis each node counts for itself: both are degraded, not unhealthy."""

    async def cassandra() -> None:
        await session.first(_ASK)

    async def disk() -> None:
        blobs.check_room(0)

    return [
        _check("Cassandra backend", cassandra, HealthStatus.UNHEALTHY),
        _check("RabbitMQ backend", broker.check, HealthStatus.DEGRADED),
        _check("ObjectStorage", blobs.bucket.check, HealthStatus.UNHEALTHY),
        _check("Redis", redis.check, HealthStatus.DEGRADED),
        _check("Disk space", disk, HealthStatus.UNHEALTHY),
    ]


def _check(name: str, ask: Callable[[], Awaitable[object]], when_away: HealthStatus) -> HealthCheck:
    async def probe() -> tuple[HealthStatus, str] | None:
        try:
            await ask()
        except (StorageFull, TemporaryFailure) as failure:
            return when_away, str(failure)
        return None

    return HealthCheck(name, probe)
