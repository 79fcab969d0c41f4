"""What can be wrong with the embedded store while it runs."""

from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.health.checks import HealthCheck, HealthStatus


def health_checks(store: EmbeddedStore) -> list[HealthCheck]:
    """The database answers and takes writes, the disk has room, garbage collection trusts the database."""

    async def database() -> tuple[HealthStatus, str] | None:
        try:
            await store.queues.names()
            await store.check_writing()
        except (StorageFull, TemporaryFailure) as failure:
            return HealthStatus.UNHEALTHY, f"mail cannot be stored: {failure}"
        return None

    async def disk() -> tuple[HealthStatus, str] | None:
        try:
            store.blobs.check_room(0)
        except StorageFull as full:
            return HealthStatus.UNHEALTHY, str(full)
        return None

    async def files() -> tuple[HealthStatus, str] | None:
        withheld = store.blob_garbage.withheld
        return None if withheld is None else (HealthStatus.DEGRADED, withheld)

    return [
        HealthCheck("Embedded store", database),
        HealthCheck("Disk space", disk),
        HealthCheck("Message files", files),
    ]
