"""What a disk may hold when the power goes: made from a record of what was asked of it.

What was synced is there. Of the rest anything may be: each sector of 512 octets holds what it held at the last sync or after any
write since; a file is as long as it was or has become; and each name that was made, moved or removed since its folder was synced
may be as before. So a folder that was never synced into its parent may be missing with all that is in it.
"""

import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.recording import Event

SECTOR = 512
_EXTENDED_CHANCE = 0.2
_Keep = Callable[[int, int], bool]
"""Whether the disk holds a sector (of its file) of the operation with this number."""


@dataclass
class _File:
    synced: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, Event]] = field(default_factory=list)


@dataclass
class _Folder:
    synced: dict[str, int | None] = field(default_factory=dict)
    """Name -> file, or None for a folder."""
    pending: list[tuple[int, Event]] = field(default_factory=list)


class Disk:
    """Follows the events; at any of them it can be asked what may be left."""

    def __init__(self, root: Path) -> None:
        """`root` is there whatever happens; the recorded folder may be missing in it."""
        self._root = str(root)
        self._files: dict[int, _File] = {}
        self._folders: dict[str, _Folder] = {self._root: _Folder()}

    def apply(self, number: int, event: Event) -> None:
        kind = event[0]
        if kind in ("write", "size"):
            self._files[event[1]].pending.append((number, event))
        elif kind == "sync":
            self._sync_file(self._files[event[1]], event[2])
        elif kind == "syncdir":
            self._sync_folder(self._folders[event[1]], event[2])
        elif kind != "mark":
            if kind == "link":
                self._files[event[2]] = _File()
            elif kind == "mkdir":
                self._folders[event[1]] = _Folder()
            self._folders[os.path.dirname(event[1])].pending.append((number, event))

    @staticmethod
    def _sync_file(file: _File, since: int) -> None:
        for number, event in file.pending:
            if number < since:
                _change(file.synced, event)
        file.pending = [item for item in file.pending if item[0] >= since]

    @staticmethod
    def _sync_folder(folder: _Folder, since: int) -> None:
        for number, event in folder.pending:
            if number < since:
                _rename(folder.synced, event)
        folder.pending = [item for item in folder.pending if item[0] >= since]

    def materialise(self, dice: random.Random, target: Path) -> str:
        """Writes one state that may be left into a new folder; tells which kind of luck the disk had."""
        luck, keep = self._luck(dice)
        self._materialise(self._root, target, keep, dice, is_scattered=luck in ("whole writes", "sectors"))
        return luck

    def _luck(self, dice: random.Random) -> tuple[str, _Keep]:
        luck = dice.choice(["nothing", "everything", "in order", "whole writes", "sectors", "sectors"])
        if luck == "in order":
            numbers = [
                number for holder in (*self._files.values(), *self._folders.values()) for number, _ in holder.pending
            ]
            cut = dice.choice(numbers) if numbers else 0
            return luck, lambda number, _: number < cut or (number == cut and dice.random() < 0.5)
        if luck == "whole writes":
            chance, kept = dice.random(), dict[int, bool]()
            return luck, lambda number, _: kept.setdefault(number, dice.random() < chance)
        if luck == "sectors":
            chance = dice.random()
            return luck, lambda number, _: dice.random() < chance
        return luck, lambda number, _: luck == "everything"

    def _materialise(self, path: str, target: Path, keep: _Keep, dice: random.Random, *, is_scattered: bool) -> None:
        target.mkdir()
        folder = self._folders[path]
        names = dict(folder.synced)
        for number, event in folder.pending:
            if keep(number, 0):
                _rename(names, event)
        for name, file in names.items():
            if file is None:
                self._materialise(f"{path}/{name}", target / name, keep, dice, is_scattered=is_scattered)
                continue
            content, latest = _content(self._files[file], keep)
            with (target / name).open("wb") as out:
                out.write(content)
                if is_scattered and len(content) < latest and dice.random() < _EXTENDED_CHANCE:
                    # the new length has reached the disk, the octets have not
                    out.truncate(latest)


def _content(file: _File, keep: _Keep) -> tuple[bytearray, int]:
    """The octets, and how long the file was when the power went."""
    if not file.pending:
        return file.synced, len(file.synced)
    cache, disk = bytearray(file.synced), bytearray(file.synced)
    for number, event in file.pending:
        _change(cache, event)
        if event[0] == "size":
            if keep(number, 0):
                _change(disk, event)
            continue
        first, last = event[2] // SECTOR, (event[2] + len(event[3]) - 1) // SECTOR
        for sector in range(first, last + 1):
            if keep(number, sector):
                start = sector * SECTOR
                _put(disk, start, cache[start : start + SECTOR])
    return disk, len(cache)


def _change(content: bytearray, event: Event) -> None:
    if event[0] == "write":
        _put(content, event[2], event[3])
    elif event[2] < len(content):
        del content[event[2] :]
    else:
        content.extend(bytes(event[2] - len(content)))


def _put(content: bytearray, offset: int, octets: bytes | bytearray) -> None:
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(octets)] = octets


def _rename(names: dict[str, int | None], event: Event) -> None:
    name = os.path.basename(event[1])
    if event[0] == "link":
        names[name] = event[2]
    elif event[0] == "mkdir":
        names[name] = None
    else:
        names.pop(name, None)
        if event[0] == "rename":
            names[os.path.basename(event[2])] = event[3]
