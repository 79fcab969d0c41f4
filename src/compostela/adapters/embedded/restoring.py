"""A data folder made from a backup.

The mark `folder-id` comes first and the database last: a server does not start on a folder that is half restored.

Clients may have seen UIDs and mod-sequences that were given after the backup. New ones begin beyond these, so a client does not take a new
message for one that it has seen (RFC 3501 §2.3.1.1, RFC 7162 §3.1).
"""

import os
import shutil
from pathlib import Path

import apsw

from compostela.adapters.embedded.backup import Tell
from compostela.adapters.embedded.backup_files import (
    SUMS_FILE,
    BackupError,
    Sums,
    entries,
    is_safe,
    sync_tree,
    write_copy,
)
from compostela.adapters.embedded.database import DATABASE_NAME, connect, translated
from compostela.adapters.embedded.folder_id import BLOBS_FOLDER, ID_FILE

_FILES = "SELECT file FROM blob WHERE file IS NOT NULL"
_HALF = "half-restored"
UID_GAP, MODSEQ_GAP = 100_000, 10_000_000
"""More than a mailbox gets between a backup and its restore."""
_ADVANCE = f"UPDATE mailbox SET uid_next = uid_next + {UID_GAP}, highest_modseq = highest_modseq + {MODSEQ_GAP}"
_STAGED = f"{DATABASE_NAME}.restored"


def restore(backup: Path, data: Path, tell: Tell) -> int:
    """Makes the data folder, which must be missing or empty; tells how many files of bodies are missing, as they were when the backup
    was made. On failure the folder is as before. Raises `BackupError`, `TemporaryFailure`."""
    try:
        sums = Sums(backup)
        is_new = _make_empty(data)
        try:
            _write_all(backup, data, sums, tell)
            missing = _check(data)
            _advance(data)
            (data / _STAGED).rename(data / DATABASE_NAME)
            sync_tree(data)
        except BaseException:
            _clear(data, is_new=is_new)
            raise
        return missing
    except OSError as error:
        raise BackupError(f"{error.filename or data}: {error.strerror or error}") from error
    except apsw.Error as error:
        raise translated(error) from error


def _make_empty(data: Path) -> bool:
    """Whether the folder is new."""
    if not data.exists():
        data.mkdir(mode=0o700, parents=True)
        return True
    if not data.is_dir() or any(data.iterdir()):
        raise BackupError(f"{data} is not empty: a restore overwrites nothing, choose another folder with --data")
    data.chmod(0o700)
    return False


def _write_all(backup: Path, data: Path, sums: Sums, tell: Tell) -> None:
    mark = data / ID_FILE
    mark.touch(mode=0o600)
    mark.write_text(f"{_HALF}\n")
    names = set()
    for done, entry in enumerate(entries(backup)):
        tell("restore", done, sums.count)
        if entry.name == SUMS_FILE:
            continue
        if not is_safe(entry.name):
            raise BackupError(f"{backup} is no backup of a data folder: it holds {entry.name!r}")
        target = data / (_STAGED if entry.name == DATABASE_NAME else entry.name)
        if entry.name == ID_FILE:
            target.unlink()
        write_copy(target, entry.reader, entry.modified_at)
        sums.check(entry.name, entry.reader.digest)
        names.add(entry.name)
    sums.check_end()
    if DATABASE_NAME not in names:
        raise BackupError(f"{backup} is no backup of a data folder: it has no {DATABASE_NAME}")
    if ID_FILE not in names:
        mark.unlink()


def _check(data: Path) -> int:
    """Whether the database is sound; gives how many of its files are missing."""
    connection = connect(data / _STAGED, read_only=True)
    try:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(1)").fetchall()]
        if found != ["ok"]:
            raise BackupError(f"the database of the backup is damaged: {found[0]}")
        return sum(not (data / BLOBS_FOLDER / file).is_file() for (file,) in connection.execute(_FILES))
    finally:
        connection.close()


def _advance(data: Path) -> None:
    connection = apsw.Connection(os.fspath(data / _STAGED))
    try:
        connection.execute(_ADVANCE).fetchall()
    finally:
        connection.close()


def _clear(data: Path, *, is_new: bool) -> None:
    if is_new:
        shutil.rmtree(data, ignore_errors=True)
        return
    for path in data.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)
