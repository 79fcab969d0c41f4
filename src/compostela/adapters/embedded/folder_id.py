"""What ties the parts of a data folder together: the database and the folder of large bodies belong to each other.

The database holds the folder's id; a file `folder-id` in the folder of bodies and one in the data folder hold the same. They
are written in this order, each durable before the next, so a crash leaves a folder that the next start completes. A file
without a database means that the database was lost: a new one would answer 550 to all users, and garbage collection would
take their bodies for rubbish.
"""

import logging
import os
from pathlib import Path

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.disk import translated_os_error
from compostela.adapters.embedded.file_bodies import sync_folder
from compostela.base.errors import CompostelaError, StorageFull
from compostela.base.ids import new_id

BLOBS_FOLDER = "blobs"
ID_FILE = "folder-id"
MAX_ID_OCTETS = 64
"""Of what is read of the file: a longer text is no id."""

_log = logging.getLogger(__name__)


class WrongFolder(CompostelaError):
    """A part of the data folder is missing or belongs to another one; the text tells the operator what to do."""


def lost_database(folder: Path) -> str | None:
    """What is wrong if the database is missing or empty though the folder was used before; None otherwise. Looks, no more.

    Two processes may make a new folder at once: traces are looked for first, for they come after the database."""
    trace = trace_of_use(folder)
    database = folder / DATABASE_NAME
    if trace is None or (database.exists() and database.stat().st_size):
        return None
    return lost_database_text(folder, trace)


def trace_of_use(folder: Path) -> Path | None:
    """A file that shows that the folder had a database."""
    blobs = folder / BLOBS_FOLDER
    for mark in (folder / ID_FILE, blobs / ID_FILE):
        if mark.exists():
            return mark
    # releases before this one had no marks
    return next((path for path in blobs.glob("*/*") if path.is_file()), None)


def lost_database_text(folder: Path, trace: Path) -> str:
    """A sentence for the operator."""
    return (
        f"the database {folder / DATABASE_NAME} is missing or empty, but {trace} shows that this data folder was in use: "
        "nothing was changed; put the database back from a backup, or, for a new server without the old mail, "
        "choose another folder with --data"
    )


def tie_parts(folder: Path, folder_id: str, *, has_files: bool) -> None:
    """Compares the marks with the database's id and writes those that are missing. `has_files`: rows name files of bodies.
    Raises `WrongFolder`. On a full disk the marks wait for the next start."""
    blobs = folder / BLOBS_FOLDER
    found = {place: _read(place / ID_FILE) for place in (blobs, folder)}
    for place, text in found.items():
        if text is not None and text != folder_id:
            raise WrongFolder(
                f"{folder / DATABASE_NAME} has the id {folder_id}, but {place / ID_FILE} says {text!r}: database and bodies "
                f"are of two servers; put the two of one backup together, or, if they do belong together, remove {place / ID_FILE}"
            )
    if has_files and found[folder] is not None and found[blobs] is None:
        raise WrongFolder(
            f"{blobs} is not the folder with the bodies that the database knows (it has no file {ID_FILE}): mount it or put "
            f"it back from a backup, or, to go on without the bodies that are missing, remove {folder / ID_FILE}"
        )
    try:
        for place, text in found.items():
            if text is None:
                _write(place / ID_FILE, folder_id)
    except StorageFull:
        _log.warning("the disk is full: the data folder gets its id at a later start")


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MAX_ID_OCTETS).decode(errors="replace").strip()
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    """Durable, and whole or not at all. Raises `StorageFull` or `TemporaryFailure`."""
    partial = path.with_name(f"{path.name}.{new_id()}")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, text.encode() + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        partial.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise translated_os_error(error) from error
