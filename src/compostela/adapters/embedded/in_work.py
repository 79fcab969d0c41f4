"""Which queue entries are in work in which process.

Each process has a small mapped file beside its lock, with a slot for each entry that it has in work. Marking an entry is one
store into memory, not a write to the database. The file outlives the process: when the process dies, the others read from it
what it had in work. An orderly stop removes the file. It names the boot of the machine, so that a file which a power loss left
is not taken for the trace of a death.

A process whose file cannot be written (the disk is full) has none. Then its deaths are not counted, and others take its
entries only when it has ended.
"""

import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path

from compostela.adapters.embedded.ownership import Ownership

SUFFIX = ".work"
STEP_OCTETS = 4096
"""The file grows by so much."""
_BOOT_OCTETS = 64
_SLOT_OCTETS = 8
_FIRST_SLOT = _BOOT_OCTETS // _SLOT_OCTETS
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> bytes:
    """Names this boot of the machine."""
    try:
        text = _BOOT_ID.read_text().strip()
    except OSError:
        # the time of the boot, in steps that a clock which is set a little does not change
        text = f"since-{(time.time() - time.monotonic()) / 1000:.0f}"
    return text.encode()[:_BOOT_OCTETS].ljust(_BOOT_OCTETS, b"\0")


@dataclass(frozen=True, slots=True)
class Remains:
    """What a dead process left: entries by row, and whether they were the only ones in work."""

    owner: str
    was_alone: dict[int, bool]


class InWork:
    """The file of this process, and what the files of the others say."""

    def __init__(self, ownership: Ownership) -> None:
        self._ownership = ownership
        self._path = ownership.folder / f"{ownership.owner}{SUFFIX}"
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._file: mmap.mmap | None = None
        self._view: memoryview | None = None
        self._grow()

    def begin(self, row_id: int, *, is_alone: bool) -> None:
        if self._view is not None and not self._free:
            self._grow()
        if self._view is None:
            return
        slot = self._slots.get(row_id)
        if slot is None:
            slot = self._slots[row_id] = self._free.pop()
        self._view[slot] = row_id << 1 | is_alone

    def no_longer_alone(self, row_id: int) -> None:
        slot = self._slots.get(row_id)
        if slot is not None and self._view is not None:
            self._view[slot] = row_id << 1

    def end(self, row_id: int) -> None:
        """May be called again."""
        slot = self._slots.pop(row_id, None)
        if slot is not None and self._view is not None:
            self._view[slot] = 0
            self._free.append(slot)

    def close(self) -> None:
        """An orderly end: nothing is in work any more."""
        self._path.unlink(missing_ok=True)
        self._unmap()

    def of_living_others(self) -> dict[str, set[int]]:
        """Rows in work by owner; an owner without a file is missing."""
        return {
            owner: set(rows)
            for owner, path in self._others()
            if not self._ownership.is_dead(owner) and (rows := self._read(path)) is not None
        }

    def is_elsewhere(self, row_id: int) -> bool:
        """Whether a living process besides this has the row in work, or is about to look whether it may."""
        return any(row_id in rows for rows in self.of_living_others().values())

    def of_the_dead(self) -> list[Remains]:
        """What processes have left that died. After a boot nothing counts."""
        return [
            Remains(owner, self._read(path) or {}) for owner, path in self._others() if self._ownership.is_dead(owner)
        ]

    def forget(self, remains: Remains) -> None:
        """After it was counted."""
        self._ownership.folder.joinpath(f"{remains.owner}{SUFFIX}").unlink(missing_ok=True)

    def _others(self) -> list[tuple[str, Path]]:
        return [(path.stem, path) for path in self._ownership.folder.glob(f"*{SUFFIX}") if path != self._path]

    @staticmethod
    def _read(path: Path) -> dict[int, bool] | None:
        """None for a file of another boot and for one that is gone."""
        try:
            octets = path.read_bytes()
        except OSError:
            return None
        if octets[:_BOOT_OCTETS] != boot_id():
            return None
        values = memoryview(octets[: len(octets) // _SLOT_OCTETS * _SLOT_OCTETS]).cast("q")[_FIRST_SLOT:]
        return {value >> 1: bool(value & 1) for value in values if value}

    def _grow(self) -> None:
        """Makes or enlarges the file. If that fails there is none from then on: one that named some entries only would be
        taken for the whole."""
        old = 0 if self._file is None else len(self._file)
        self._unmap()
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                added = bytearray(STEP_OCTETS)
                if not old:
                    added[:_BOOT_OCTETS] = boot_id()
                # written, not only made long: a mapped hole needs a block when the disk may have none left
                if os.pwrite(descriptor, added, old) < STEP_OCTETS:
                    raise OSError("no room")
                self._file = mmap.mmap(descriptor, old + STEP_OCTETS)
            finally:
                os.close(descriptor)
        except OSError:
            self._path.unlink(missing_ok=True)
            return
        self._view = memoryview(self._file).cast("q")
        first = max(old // _SLOT_OCTETS, _FIRST_SLOT)
        self._free += range(first, len(self._view))

    def _unmap(self) -> None:
        if self._view is not None:
            self._view.release()
            self._view = None
        if self._file is not None:
            self._file.close()
            self._file = None
