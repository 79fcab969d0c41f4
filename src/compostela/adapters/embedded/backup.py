"""A backup of a data folder, taken while servers use it or not.

It has one picture of the database: everything that was answered before the backup began, and what was committed until the picture
was taken. The bodies in files that this picture names are copied; garbage collection leaves files alone until then.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw

from compostela.adapters.embedded.backup_files import BackupError, Sink, Sums, entries, sink_for
from compostela.adapters.embedded.backup_lock import keeping_files
from compostela.adapters.embedded.database import DATABASE_NAME, Execute, connect, translated
from compostela.adapters.embedded.disk import RESERVE_NAME, translated_os_error
from compostela.adapters.embedded.folder_id import BLOBS_FOLDER, ID_FILE, lost_database
from compostela.base.errors import CompostelaError

COPY_PAGES = 2000
"""Of the database between two looks at the progress."""
_FILES = "SELECT file, digest FROM blob WHERE file IS NOT NULL ORDER BY file"
_COUNT = "SELECT count(*) FROM blob WHERE file IS NOT NULL"
_NOT_KEPT = ("owners", RESERVE_NAME, DATABASE_NAME, Path(DATABASE_NAME).stem)
"""Files and folders at the top that belong to running processes, or are written in another way; with whatever follows a dot or a dash."""

Tell = Callable[[str, int, int], None]
"""Takes a step, how much of it is done, and of how much."""


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds. `damaged` are files of bodies that were gone or wrong in the data folder before: all else is there."""

    files: int
    octets: int
    damaged: tuple[str, ...]


def make_backup(data: Path, target: Path, tell: Tell) -> BackupReport:
    """Writes a backup of `data` and reads it again. On failure nothing is left of it. Raises `BackupError`, `StorageFull`,
    `TemporaryFailure`."""
    _check_source(data, target)
    try:
        with keeping_files(data, lambda: tell("waiting for garbage collection or another backup", 0, 0)):
            sink = sink_for(target)
            try:
                damaged = _copy(data, sink, tell)
                sink.add_sums()
                sink.seal()
                octets = _check(sink.partial, tell)
                sink.publish()
            except BaseException:
                sink.give_up()
                raise
        return BackupReport(len(sink.sums), octets, tuple(damaged))
    except OSError as error:
        raise _translated(error, target) from error
    except apsw.Error as error:
        raise translated(error) from error


def _check_source(data: Path, target: Path) -> None:
    if (lost := lost_database(data)) is not None:
        raise BackupError(lost)
    if not (data / DATABASE_NAME).is_file():
        raise BackupError(f"{data} is no data folder: it has no {DATABASE_NAME}")
    if target.resolve().is_relative_to(data.resolve()):
        raise BackupError(f"{target} is inside of the data folder: choose another place")
    if not target.parent.is_dir():
        raise BackupError(f"the folder {target.parent} does not exist")


def _copy(data: Path, sink: Sink, tell: Tell) -> list[str]:
    """Gives the files of bodies that are damaged."""
    _copy_database(data / DATABASE_NAME, sink.staging, tell)
    database = connect(sink.staging, read_only=True)
    try:
        execute: Execute = database.execute
        total = execute(_COUNT).fetchone()[0]
        damaged = []
        for done, (file, digest) in enumerate(execute(_FILES)):
            tell("messages in files", done, total)
            if not _copy_body(data, sink, f"{BLOBS_FOLDER}/{file}", digest.hex()):
                damaged.append(file)
    finally:
        database.close()
    for name in _others(data):
        # one that goes while the others are copied belonged to a process
        with contextlib.suppress(FileNotFoundError):
            sink.add(name, data / name)
    sink.add_staged(DATABASE_NAME)
    return damaged


def _copy_database(source: Path, target: Path, tell: Tell) -> None:
    """One moment of the database: the transaction keeps it while its pages are copied."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    reading = connect(source, read_only=True)
    writing = apsw.Connection(os.fspath(target))
    try:
        writing.execute("PRAGMA journal_mode=OFF").fetchall()
        writing.execute("PRAGMA synchronous=OFF").fetchall()
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with writing.backup("main", reading, "main") as copying:
            while not copying.done:
                copying.step(COPY_PAGES)
                tell("database", copying.page_count - copying.remaining, copying.page_count)
        reading.execute("COMMIT")
        # the copy is one file: its readers make no log beside it
        writing.execute("PRAGMA journal_mode=DELETE").fetchall()
        _check_database(writing)
    finally:
        writing.close()
        reading.close()


def _check_database(connection: apsw.Connection) -> None:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(1)").fetchall()]
    if found != ["ok"]:
        raise BackupError(f"the copy of the database is damaged: {found[0]}")


def _copy_body(data: Path, sink: Sink, name: str, digest: str) -> bool:
    try:
        return sink.add(name, data / name) == digest
    except FileNotFoundError:
        return False


def _others(data: Path) -> Iterator[str]:
    """Keys, certificates, the token and what the operator has put there. Bodies are not among them, but the mark of their folder is."""
    yield f"{BLOBS_FOLDER}/{ID_FILE}"
    for folder, folders, names in os.walk(data):
        at_top = Path(folder) == data
        folders[:] = [one for one in folders if not (at_top and (one == BLOBS_FOLDER or _is_of_process(one)))]
        for name in names:
            path = Path(folder) / name
            if path.is_file() and not (at_top and _is_of_process(name)):
                yield path.relative_to(data).as_posix()


def _is_of_process(name: str) -> bool:
    return (
        name.startswith(".")
        or name.endswith((".lock", ".new"))
        or name.partition("-")[0].partition(".")[0] in _NOT_KEPT
    )


def _check(target: Path, tell: Tell) -> int:
    """Reads a backup whole; gives its octets. Raises `BackupError`, `OSError`."""
    sums = Sums(target)
    octets = 0
    for done, entry in enumerate(entries(target)):
        tell("check", done, sums.count)
        while entry.reader.read():
            pass
        sums.check(entry.name, entry.reader.digest)
        octets += entry.reader.size
    sums.check_end()
    return octets


def _translated(error: OSError, target: Path) -> CompostelaError:
    full = translated_os_error(error)
    where = error.filename or target
    return BackupError(f"{where}: {error.strerror}") if error.strerror else full
