"""The embedded edition: one data folder, no other service. It opens the stores; `app.server` does all else."""

import logging
import os
from pathlib import Path

from compostela.adapters.embedded.file_bodies import make_folder
from compostela.adapters.embedded.folder_id import WrongFolder, lost_database
from compostela.adapters.embedded.health import health_checks
from compostela.adapters.embedded.ownership import FolderInUse
from compostela.adapters.embedded.private import open_to_others
from compostela.adapters.embedded.schema import NewerSchema
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.app.limits import Limits, own_limits
from compostela.app.stores import Stores, StoresUnavailable
from compostela.base.clock import SystemClock
from compostela.base.errors import TemporaryFailure
from compostela.base.settings import Place, Problems
from compostela.core.events.settings import ListenersSettings

COLLECTION_TIMES = "17 * * * *"  # once an hour: a collection reads one index

_log = logging.getLogger(__name__)


def check_folder(data: Path, problems: Problems) -> None:
    """What is wrong with a data folder that is there; nothing is opened."""
    try:
        if (lost := lost_database(data)) is not None:
            problems.error(Place(str(data)), lost)
        if (wide := open_to_others(data)) is not None:
            problems.warning(Place(str(data)), wide)
    except OSError as error:
        problems.warning(Place(str(data)), f"the data folder cannot be examined: {error.strerror}")


async def open_stores(data: Path, listeners: ListenersSettings, limits: Limits | None = None) -> Stores:
    """Makes or opens the data folder. `listeners` says how much is kept for slow listener groups; without `limits` this process
    counts for itself. Raises `StoresUnavailable`."""
    try:
        make_folder(data)
        probe = data / f".write-{os.getpid()}"
        probe.touch(mode=0o600)
        probe.unlink()
        if (wide := open_to_others(data)) is not None:
            _log.warning("the data folder is open to others: %s", wide)
        store = await EmbeddedStore.open(data)
        store.garbage.held_seconds, store.garbage.held_bytes = listeners.held_seconds, listeners.held_bytes
        return stores_of(store, limits)
    except OSError as error:
        raise StoresUnavailable(
            f"the data folder {data} cannot be written: {error.strerror}; choose another with --data"
        ) from error
    except (FolderInUse, NewerSchema, WrongFolder) as error:
        raise StoresUnavailable(str(error)) from error
    except TemporaryFailure as error:
        raise StoresUnavailable(f"the data folder {data} cannot be used: {error}") from error


def stores_of(store: EmbeddedStore, limits: Limits | None = None) -> Stores:
    """The ports of an open store, which closes with them."""
    limits = limits or own_limits(SystemClock())
    return Stores(
        mailboxes=store.mailboxes,
        queues=store.queues,
        repositories=store.repositories,
        users=store.users,
        delegations=store.delegations,
        domains=store.domains,
        rewriting=store.rewriting,
        greylist=store.greylist,
        token_corpora=store.token_corpora,
        vacations=store.vacations,
        drop_lists=store.drop_lists,
        dlp_rules=store.dlp_rules,
        sieve_scripts=store.sieve_scripts,
        sieve_marks=store.sieve_marks,
        global_scripts=store.global_scripts,
        sieve_lists=store.sieve_lists,
        outbound=store.outbound,
        blobs=store.blobs,
        blobs_by_id=store.blobs_by_id,
        blob_garbage=store.blob_garbage,
        runs=store.runs,
        tasks=store.tasks,
        failed_logins=limits.failed_logins,
        bans=limits.bans,
        recent_logins=limits.recent_logins,
        ended_sessions=limits.ended_sessions,
        known_tokens=limits.known_tokens,
        rate_limits=limits.rate_limits,
        cursors=store.cursors,
        event_source=store.event_source,
        dead_letters=store.dead_letters,
        usage=store.usage,
        collection_times=COLLECTION_TIMES,
        checks=health_checks(store),
        upkeep=store.garbage.run,
        closing=store.close,
    )
