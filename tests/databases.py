"""The database of a data folder, as tests look into it and damage it."""

from pathlib import Path

import apsw

from compostela.adapters.embedded.database import DATABASE_NAME

WAIT_MILLISECONDS = 60_000


def opened(folder: Path) -> apsw.Connection:
    """A connection that waits while a store that runs on the folder writes."""
    connection = apsw.Connection(str(folder / DATABASE_NAME))
    connection.set_busy_timeout(WAIT_MILLISECONDS)
    return connection
