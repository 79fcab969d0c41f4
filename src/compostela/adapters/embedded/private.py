"""Only the server's user reads the data folder: files have mode 0600 and folders 0700, whatever the umask.

The server creates files and folders with these modes. Modes of existing ones belong to the operator: wider ones are reported, not
changed.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from compostela.adapters.embedded.database import DATABASE_NAME
from compostela.adapters.embedded.folder_id import BLOBS_FOLDER

PRIVATE_UMASK = 0o077
"""For a process that makes files in the data folder; what is made there by this package needs no umask."""
_OTHERS = 0o077
_SHOWN = 3
_FOLDERS = ("", BLOBS_FOLDER, "owners", "tls")
_FILES = (DATABASE_NAME, f"{DATABASE_NAME}-wal", f"{DATABASE_NAME}-shm", "webadmin.token", "tls/key.pem")


def make_private_file(path: Path) -> None:
    """An empty file, unless there is one. Its descriptor is closed before SQLite opens it: to close one later would take
    SQLite's locks away. The log and its index get the database's mode from SQLite."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def open_to_others(folder: Path) -> str | None:
    """What of the folder others than its owner may read or change, and what to do, in one sentence; None if nothing is."""
    wide = list(_wide(folder))
    if not wide:
        return None
    shown = ", ".join(f"{path} ({mode:04o})" for path, mode in wide[:_SHOWN])
    more = f" and {len(wide) - _SHOWN} more" if len(wide) > _SHOWN else ""
    return f"others than the server's user have rights to {shown}{more}: run chmod -R go= {folder}"


def _wide(folder: Path) -> Iterator[tuple[Path, int]]:
    for name in (*_FOLDERS, *_FILES):
        path = folder / name
        with contextlib.suppress(FileNotFoundError):
            mode = path.stat().st_mode & 0o777
            if mode & _OTHERS:
                yield path, mode
