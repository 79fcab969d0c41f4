"""Which processes share the data folder, and which of them are dead.

Each process holds a lock on a file of its own; the lock goes with the process, however it ends.
"""

import fcntl
import os
from pathlib import Path

from compostela.base.errors import CompostelaError
from compostela.base.ids import new_id


class FolderInUse(CompostelaError):
    """A process of an older release holds a data folder that is to be migrated."""


class Ownership:
    """This process among those that share the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self.owner = new_id()
        # the file gets its name once it is locked: no process sees it unlocked and takes this one for dead
        unlocked = folder / f"{self.owner}.new"
        self._descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        unlocked.rename(folder / self.owner)

    @property
    def folder(self) -> Path:
        return self._folder

    def is_dead(self, owner: str) -> bool:
        """Whether the process of this name has ended. A name once dead stays dead; "" is no process."""
        return owner != self.owner and not _is_alive(self._folder / owner)

    def others(self) -> list[str]:
        """Names of the living ones besides this; files of the dead are removed."""
        living = []
        for path in self._folder.iterdir():
            if path.suffix or path.name == self.owner:
                continue
            if self.is_dead(path.name):
                path.unlink(missing_ok=True)
                path.with_suffix(".socket").unlink(missing_ok=True)
            else:
                living.append(path.name)
        return living

    def close(self) -> None:
        (self._folder / self.owner).unlink(missing_ok=True)
        os.close(self._descriptor)


def check_unused(folder: Path) -> None:
    """Raises `FolderInUse` if a living process has its lock in `folder`, that of the owners. Changes nothing."""
    if not folder.is_dir():
        return
    living = [path.name for path in folder.iterdir() if not path.suffix and _is_alive(path)]
    if living:
        raise FolderInUse(
            f"the data folder must be migrated, but {len(living)} process(es) of the release before use it: "
            f"stop every server on {folder.parent} and start again"
        )


def _is_alive(path: Path) -> bool:
    """Whether a process holds the lock of this file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
