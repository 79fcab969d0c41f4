"""The distributed edition: Cassandra, RabbitMQ, S3 and Redis, for any number of nodes. It opens the stores; `app.server` does all
else."""

import logging
from pathlib import Path

from compostela.adapters.cassandra.schema import NewerSchema, bring_up_to_date
from compostela.adapters.cassandra.session import CassandraSession
from compostela.app.editions.engine_stores import stores_of
from compostela.app.engines import EngineSettings
from compostela.app.stores import Stores, StoresUnavailable
from compostela.base.errors import TemporaryFailure
from compostela.base.folder_lock import FolderLock, FolderLocked
from compostela.core.events.settings import ListenersSettings
from compostela.core.keystores.errors import KeyStoreError

_log = logging.getLogger(__name__)

ARRIVING = "arriving"
"""The folder, in that of the node's data, in which large bodies are while they arrive."""


async def open_stores(data: Path, engines: EngineSettings, listeners: ListenersSettings) -> Stores:
    """Brings the tables up to date. `data` is a folder of this node alone. Engines may be away: then they are tried again, and calls
    of the ports raise `TemporaryFailure` until they are there. `listeners` says how long messages are held for slow listener
    groups. Raises `StoresUnavailable` if the folder is in use or cannot be written, or if the tables are of a newer server."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(data)
    except OSError as error:
        raise StoresUnavailable(f"the data folder {data} cannot be written: {error.strerror}") from error
    except FolderLocked as error:
        raise StoresUnavailable(f"{error}: each node needs a data folder of its own (--data)") from error
    session = CassandraSession(engines.cassandra, bring_up_to_date)
    try:
        await session.connect()
    except (KeyStoreError, NewerSchema) as error:
        lock.close()
        raise StoresUnavailable(str(error)) from error
    except TemporaryFailure as error:
        _log.warning("Cassandra is away; the server answers with temporary errors until it is there: %s", error)
        session.connect_later()
    return stores_of(session, data / ARRIVING, engines, listeners.held_seconds, lock.close)
