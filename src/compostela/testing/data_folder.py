"""A new data folder without the time that its tables take.

The statements that make the tables need as much time as all else of a store's opening, and a test opens a store or more. So they run once in a
process, and each new folder gets a copy of the empty database. The id of the folder is not in it: opening makes one for each.
"""

import os
import tempfile
from functools import cache
from pathlib import Path

from compostela.adapters.embedded.database import DATABASE_NAME, connect
from compostela.adapters.embedded.disk import DEFAULT_RESERVE_BYTES, RESERVE_FILE_BYTES, RESERVE_NAME
from compostela.adapters.embedded.file_bodies import make_folder
from compostela.adapters.embedded.folder_id import trace_of_use
from compostela.adapters.embedded.private import make_private_file
from compostela.adapters.embedded.schema import migrate
from compostela.adapters.embedded.store import EmbeddedStore
from compostela.base.clock import Clock


async def open_store(
    folder: Path, clock: Clock | None = None, *, reserve_bytes: int = DEFAULT_RESERVE_BYTES
) -> EmbeddedStore:
    """Make or open the store of a folder, as `EmbeddedStore.open` does."""
    make_folder(folder)
    database = folder / DATABASE_NAME
    if not database.exists() and trace_of_use(folder) is None:
        make_private_file(database)
        database.write_bytes(_empty_database())
        _make_reserve(folder)
    return await EmbeddedStore.open(folder, clock, reserve_bytes=reserve_bytes)


def _make_reserve(folder: Path) -> None:
    """The reserve's file without its blocks: a folder of tests has nothing to free for, and 8 MB of memory take 3 ms to be cleared and
    given back. Tests of a full disk open their store by `EmbeddedStore.open`."""
    path = folder / RESERVE_NAME
    make_private_file(path)
    os.truncate(path, RESERVE_FILE_BYTES)


@cache
def _empty_database() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE_NAME
        connection = connect(path)
        try:
            migrate(connection, check_unused=lambda: None)
        finally:
            # closing the only connection empties the log
            connection.close()
        return path.read_bytes()
