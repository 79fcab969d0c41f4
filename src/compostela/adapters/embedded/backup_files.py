"""A backup as files: a folder, or a tar archive (a name that ends in `.tar`), with the SHA-256 sums of all its files.

The sums are in the form of `sha256sum`, so a backup can be checked without this program.
"""

import contextlib
import hashlib
import os
import shutil
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from compostela.adapters.embedded.file_bodies import sync_folder
from compostela.base.errors import CompostelaError

ARCHIVE_SUFFIX = ".tar"
PARTIAL_SUFFIX = ".partial"
SUMS_FILE = "SHA256SUMS"
MAX_SUMS_BYTES = 1024 * 1024 * 1024
"""Of the list of sums, with about 110 octets a file."""
COPY_BYTES = 1024 * 1024


class BackupError(CompostelaError):
    """A backup cannot be made or restored; the text is one sentence for the operator."""


class HashingReader:
    """Reads a file, and knows the sum and the size of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def read(self, size: int = COPY_BYTES) -> bytes:
        octets = self._file.read(size)
        self._hash.update(octets)
        self.size += len(octets)
        return octets

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Sink(ABC):
    """Where a backup is written: under a name of its own, until `publish` gives it the right one."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(target.name + PARTIAL_SUFFIX)
        self.sums: dict[str, str] = {}

    @property
    @abstractmethod
    def staging(self) -> Path:
        """Where the database is written before `add_staged` takes it in."""

    @abstractmethod
    def add_staged(self, name: str) -> None: ...

    @abstractmethod
    def _write(self, name: str, reader: HashingReader, status: os.stat_result) -> None: ...

    @abstractmethod
    def seal(self) -> None:
        """Makes everything durable; nothing is added any more."""

    def publish(self) -> None:
        """Gives the target's name to what was sealed."""
        self.partial.rename(self.target)
        sync_folder(self.target.parent)

    @abstractmethod
    def give_up(self) -> None:
        """Removes what was written."""

    def add(self, name: str, source: Path) -> str:
        """Copies a file; gives its SHA-256 sum in hexadecimal digits. Raises `OSError`."""
        with source.open("rb") as file:
            reader = HashingReader(file)
            self._write(name, reader, os.fstat(file.fileno()))
        self.sums[name] = reader.digest
        return reader.digest

    def add_sums(self) -> None:
        """The last file: the sums of all others."""
        list_file = self.staging.with_name(self.partial.name + ".sums")
        try:
            list_file.touch(0o600)
            list_file.write_text("".join(f"{digest}  {name}\n" for name, digest in self.sums.items()))
            self.add(SUMS_FILE, list_file)
        finally:
            list_file.unlink(missing_ok=True)


class FolderSink(Sink):
    def __init__(self, target: Path) -> None:
        super().__init__(target)
        self.partial.mkdir(mode=0o700)

    @property
    def staging(self) -> Path:
        return self.partial / "staged"

    def add_staged(self, name: str) -> None:
        with self.staging.open("rb") as file:
            reader = HashingReader(file)
            while reader.read():
                pass
            os.fsync(file.fileno())
        self.staging.rename(self.partial / name)
        self.sums[name] = reader.digest

    def _write(self, name: str, reader: HashingReader, status: os.stat_result) -> None:
        write_copy(self.partial / name, reader, status.st_mtime)

    def seal(self) -> None:
        sync_tree(self.partial)

    def give_up(self) -> None:
        shutil.rmtree(self.partial, ignore_errors=True)


class ArchiveSink(Sink):
    def __init__(self, target: Path) -> None:
        super().__init__(target)
        descriptor = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)

    @property
    def staging(self) -> Path:
        return self.partial.with_name(self.partial.name + "-database")

    def add_staged(self, name: str) -> None:
        self.add(name, self.staging)
        self.staging.unlink()

    def _write(self, name: str, reader: HashingReader, status: os.stat_result) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mtime, entry.mode = status.st_size, int(status.st_mtime), 0o600
        self._tar.addfile(entry, reader)

    def seal(self) -> None:
        self._tar.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def give_up(self) -> None:
        # it still writes what is buffered, which a full disk does not take
        with contextlib.suppress(OSError):
            self._file.close()
        self.partial.unlink(missing_ok=True)
        self.staging.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a backup. It can be read until the next one is asked for."""

    name: str
    reader: HashingReader
    modified_at: float
    """Epoch seconds."""


def sink_for(target: Path) -> Sink:
    """Raises `BackupError` when there is something of the target's name already, `OSError`."""
    kind = ArchiveSink if target.suffix == ARCHIVE_SUFFIX else FolderSink
    if target.exists():
        raise BackupError(f"{target} exists: a backup overwrites nothing, choose another name")
    try:
        return kind(target)
    except FileExistsError as error:
        partial = target.with_name(target.name + PARTIAL_SUFFIX)
        raise BackupError(
            f"{partial} exists: another backup writes it, or one was interrupted; then remove it and start again"
        ) from error


def entries(backup: Path) -> Iterator[Entry]:
    """All files of a backup. Raises `BackupError` for what is none, `OSError`."""
    if backup.is_dir():
        yield from _of_folder(backup)
    elif backup.is_file():
        yield from _of_archive(backup)
    else:
        raise BackupError(f"{backup} does not exist")


def _of_folder(backup: Path) -> Iterator[Entry]:
    for folder, _, names in os.walk(backup):
        for name in names:
            path = Path(folder) / name
            with path.open("rb") as file:
                modified_at = os.fstat(file.fileno()).st_mtime
                yield Entry(path.relative_to(backup).as_posix(), HashingReader(file), modified_at)


def _of_archive(backup: Path) -> Iterator[Entry]:
    try:
        with tarfile.open(backup, "r|") as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is None or not is_safe(member.name):
                    raise BackupError(f"{backup} is no backup of a data folder: it holds {member.name!r}")
                yield Entry(member.name, HashingReader(file), member.mtime)
    except tarfile.TarError as error:
        raise BackupError(f"{backup} is no whole archive: {error}") from error


def is_safe(name: str) -> bool:
    """Whether a file of this name is inside of the folder that it is written to."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


class Sums:
    """The sums that a backup says it has, for comparison with what is found."""

    def __init__(self, backup: Path) -> None:
        """Raises `BackupError`, `OSError`."""
        self._backup = backup
        text = next((_read_list(entry, backup) for entry in entries(backup) if entry.name == SUMS_FILE), None)
        if text is None:
            raise BackupError(f"{backup} is no whole backup of a data folder: it has no {SUMS_FILE}")
        pairs = [line.partition("  ") for line in text.splitlines()]
        self._left = {name: digest for digest, _, name in pairs}
        self.count = len(self._left)

    def check(self, name: str, digest: str) -> None:
        """A file that was found. Raises `BackupError`."""
        if name != SUMS_FILE and self._left.pop(name, None) != digest:
            raise BackupError(f"{self._backup} is damaged: {name} is not what was written")

    def check_end(self) -> None:
        """Raises `BackupError` when a file was not found."""
        if self._left:
            raise BackupError(f"{self._backup} is damaged: {next(iter(self._left))} is missing")


def _read_list(entry: Entry, backup: Path) -> str:
    octets = bytearray()
    while piece := entry.reader.read():
        octets += piece
        if len(octets) > MAX_SUMS_BYTES:
            raise BackupError(f"{backup} is no backup: its {SUMS_FILE} is too long")
    return octets.decode(errors="replace")


def write_copy(path: Path, reader: HashingReader, modified_at: float) -> None:
    """A private file, durable, with the time of the one it is a copy of. Raises `OSError`."""
    _make_private(path.parent)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := reader.read():
            file.write(piece)
        file.flush()
        os.fsync(descriptor)
        os.utime(descriptor, (modified_at, modified_at))


def _make_private(folder: Path) -> None:
    # the mode of `mkdir` is not that of the parents which it makes
    if not folder.is_dir():
        _make_private(folder.parent)
        folder.mkdir(mode=0o700)


def sync_tree(folder: Path) -> None:
    """Makes all names in a folder durable."""
    for name, _, _ in os.walk(folder):
        sync_folder(Path(name))
