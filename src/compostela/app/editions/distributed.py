"""The distributed edition: Cassandra, RabbitMQ, S3 and Redis, for any number of nodes. It opens the stores; `app.server` does all else."""

from pathlib import Path

from compostela.adapters.cassandra.schema import NewerSchema, bring_up_to_date
from compostela.adapters.cassandra.session import CassandraSession
from compostela.app.editions.engine_stores import stores_of
from compostela.app.engines import EngineSettings
from compostela.app.stores import Stores, StoresUnavailable
from compostela.base.errors import TemporaryFailure
from compostela.base.folder_lock import FolderLock, FolderLocked
from compostela.core.events.settings import ListenersSettings

ARRIVING = "arriving"
"""The folder, in that of the node's data, in which large bodies are while they arrive."""


async def open_stores(data: Path, engines: EngineSettings, listeners: ListenersSettings) -> Stores:
    """Brings the tables up to date. `data` is a folder of this node alone. RabbitMQ, S3 and Redis may come later. `listeners` says how long
    messages are held for slow listener groups. Raises
    `StoresUnavailable`."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FolderLock(data)
    except OSError as error:
        raise StoresUnavailable(f"the data folder {data} cannot be written: {error.strerror}") from error
    except FolderLocked as error:
        raise StoresUnavailable(f"{error}: each node needs a data folder of its own (--data)") from error
    try:
        session = await CassandraSession.open(engines.cassandra, bring_up_to_date)
    except (NewerSchema, TemporaryFailure) as error:
        lock.close()
        raise StoresUnavailable(str(error)) from error
    return stores_of(session, data / ARRIVING, engines, listeners.held_seconds, lock.close)
