"""The embedded edition: one data folder, no other service. It opens the stores; `app.server` does all else."""

import os
from pathlib import Path

from compostela.adapters.embedded.schema import NewerSchema
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.stores import Stores, StoresUnavailable
from compostela.base.errors import StorageFull, TemporaryFailure
from compostela.core.health.checks import HealthCheck, HealthStatus


async def open_stores(data: Path) -> Stores:
    """Makes or opens the data folder. Raises `StoresUnavailable`."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data / f".write-{os.getpid()}"
        probe.touch()
        probe.unlink()
        return stores_of(await EmbeddedStore.open(data))
    except OSError as error:
        raise StoresUnavailable(
            f"the data folder {data} cannot be written: {error.strerror}; choose another with --data"
        ) from error
    except NewerSchema as error:
        raise StoresUnavailable(str(error)) from error
    except TemporaryFailure as error:
        raise StoresUnavailable(f"the data folder {data} cannot be used: {error}") from error


def stores_of(store: EmbeddedStore) -> Stores:
    """The ports of an open store, which closes with them."""
    return Stores(
        mailboxes=store.mailboxes,
        queues=store.queues,
        repositories=store.repositories,
        users=store.users,
        delegations=store.delegations,
        domains=store.domains,
        rewriting=store.rewriting,
        greylist=store.greylist,
        blobs=store.blobs,
        runs=store.runs,
        checks=_health_checks(store),
        closing=store.close,
    )


def _health_checks(store: EmbeddedStore) -> list[HealthCheck]:
    async def database() -> None:
        await store.domains.all()

    async def disk() -> tuple[HealthStatus, str] | None:
        try:
            store.blobs.check_room(0)
        except StorageFull as full:
            return HealthStatus.UNHEALTHY, str(full)
        return None

    return [HealthCheck("Embedded store", database), HealthCheck("Disk space", disk)]
