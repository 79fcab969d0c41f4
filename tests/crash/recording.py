"""Records what a program asks of its disk: every write, every sync and every change of a name, in order.

Two layers see it all: a SQLite VFS in front of the default one, and wrappers around the functions of `os` for the files that are
written without SQLite. The shared memory of the write-ahead log's index goes to the default VFS unseen: it is made anew after a
crash, so nothing of it needs to last, and WAL works as it always does. Descriptors outside the folder are not recorded.

A sync counts from the moment it returned, and for what had been asked for before it began.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import apsw

Event = tuple[Any, ...]
"""link path file | unlink path | rename path path file | mkdir path | write file offset octets | size file octets |
sync file since | syncdir path since | mark key phase; `since` is the number of the event at which the sync began."""

_VFS = "recording"
_NEW_JOURNAL = apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL


class Recorder:
    """The events of one folder, which is there before. A file is a number, so that names may come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)
        self.events: list[Event] = []
        self._names: dict[str, int] = {}
        self._files = 0
        self._descriptors: dict[int, int | str] = {}
        self._lock = threading.RLock()

    def mark(self, key: str, phase: str) -> None:
        """A remark of the program: what it has begun, and what it was told is done."""
        self._log("mark", key, phase)

    def _log(self, *event: Any) -> None:
        with self._lock:
            self.events.append(event)

    def _is_inside(self, path: str) -> bool:
        return path == self.folder or path.startswith(self.folder + "/")

    # files, opened by any module

    def opened(self, path: str) -> int:
        """The file of a name that was opened for writing, and perhaps created."""
        with self._lock:
            file = self._names.get(path)
            if file is None:
                self._files += 1
                file = self._names[path] = self._files
                self._log("link", path, file)
            return file

    def wrote(self, file: int, offset: int, octets: bytes) -> None:
        self._log("write", file, offset, octets)

    def resized(self, file: int, size: int) -> None:
        self._log("size", file, size)

    @contextmanager
    def syncing(self, file: int | str) -> Iterator[None]:
        since = len(self.events)
        yield
        self._log("syncdir" if isinstance(file, str) else "sync", file, since)

    def unlinked(self, path: str) -> None:
        with self._lock:
            if self._names.pop(path, None) is not None:
                self._log("unlink", path)

    # the functions of `os`

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Everything that this process does to the folder is recorded."""
        vfs = _RecordingVfs(self)
        wrappers = {
            name: getattr(self, f"_{name}")(getattr(os, name))
            for name in ("open", "close", "write", "fsync", "fdatasync", "rename", "unlink", "mkdir", "ftruncate")
        }
        try:
            with mock.patch.multiple(os, **wrappers, posix_fallocate=self._posix_fallocate(os.posix_fallocate)):
                yield
        finally:
            vfs.unregister()

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def open_(path: Any, flags: int, *arguments: Any, **named: Any) -> int:
            descriptor = real(path, flags, *arguments, **named)
            name = os.fspath(path)
            if isinstance(name, str) and self._is_inside(name):
                is_folder = bool(flags & os.O_DIRECTORY)
                if is_folder or flags & (os.O_WRONLY | os.O_RDWR):
                    self._descriptors[descriptor] = name if is_folder else self.opened(name)
            return descriptor

        return open_

    def _close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def close(descriptor: int) -> None:
            self._descriptors.pop(descriptor, None)
            real(descriptor)

        return close

    def _write(self, real: Callable[..., int]) -> Callable[..., int]:
        def write(descriptor: int, data: Any) -> int:
            file = self._descriptors.get(descriptor)
            if not isinstance(file, int):
                return real(descriptor, data)
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
            written = real(descriptor, data)
            self.wrote(file, offset, bytes(data[:written]))
            return written

        return write

    def _fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def fsync(descriptor: int) -> None:
            file = self._descriptors.get(descriptor)
            if file is None:
                real(descriptor)
            else:
                with self.syncing(file):
                    real(descriptor)

        return fsync

    _fdatasync = _fsync

    def _rename(self, real: Callable[..., None]) -> Callable[..., None]:
        def rename(source: Any, target: Any, **named: Any) -> None:
            real(source, target, **named)
            source, target = os.fspath(source), os.fspath(target)
            with self._lock:
                file = self._names.pop(source, None)
                if file is not None:
                    self._names[target] = file
                    self._log("rename", source, target, file)

        return rename

    def _unlink(self, real: Callable[..., None]) -> Callable[..., None]:
        def unlink(path: Any, **named: Any) -> None:
            self.unlinked(os.fspath(path))
            real(path, **named)

        return unlink

    def _mkdir(self, real: Callable[..., None]) -> Callable[..., None]:
        def mkdir(path: Any, *arguments: Any, **named: Any) -> None:
            real(path, *arguments, **named)
            if self._is_inside(os.fspath(path)):
                self._log("mkdir", os.fspath(path))

        return mkdir

    def _ftruncate(self, real: Callable[[int, int], None]) -> Callable[[int, int], None]:
        def ftruncate(descriptor: int, size: int) -> None:
            file = self._descriptors.get(descriptor)
            if isinstance(file, int):
                self.resized(file, size)
            real(descriptor, size)

        return ftruncate

    def _posix_fallocate(self, real: Callable[[int, int, int], None]) -> Callable[[int, int, int], None]:
        def posix_fallocate(descriptor: int, offset: int, size: int) -> None:
            real(descriptor, offset, size)
            file = self._descriptors.get(descriptor)
            if isinstance(file, int):
                self.resized(file, offset + size)

        return posix_fallocate


class _RecordingVfs(apsw.VFS):
    """A layer above the default VFS, which it replaces while it is registered."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        super().__init__(_VFS, "unix", makedefault=True)

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        return apsw.VFSFile("unix", name, flags) if name is None else _RecordingFile(self._recorder, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._recorder.unlinked(filename)
        if syncdir:
            with self._recorder.syncing(os.path.dirname(filename)):
                super().xDelete(filename, syncdir)
        else:
            super().xDelete(filename, syncdir)


class _RecordingFile(apsw.VFSFile):
    def __init__(self, recorder: Recorder, name: str | apsw.URIFilename, flags: list[int]) -> None:
        super().__init__("unix", name, flags)
        self._recorder = recorder
        self._path = name if isinstance(name, str) else name.filename()
        self._file = recorder.opened(self._path)
        # the default VFS syncs the folder with the first sync of a journal that it was to make if missing
        self._syncs_folder = bool(flags[0] & _NEW_JOURNAL and flags[0] & apsw.SQLITE_OPEN_CREATE)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._recorder.wrote(self._file, offset, bytes(data))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._recorder.resized(self._file, newsize)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        with self._recorder.syncing(self._file):
            if self._syncs_folder:
                with self._recorder.syncing(os.path.dirname(self._path)):
                    super().xSync(flags)
                self._syncs_folder = False
            else:
                super().xSync(flags)
