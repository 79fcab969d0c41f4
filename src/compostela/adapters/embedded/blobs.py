"""Where bodies live: small ones as rows beside what refers to them, large ones as files (see the decision record).

Equal bodies are one blob. A blob's row is written in the transaction that first refers to it, so a row without a reference
comes about only when the last reference goes; garbage collection removes it then.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from compostela.adapters.embedded.disk import DiskSpace, translated_os_error
from compostela.adapters.embedded.file_bodies import FileBody, FileSpill, make_folder, open_body
from compostela.adapters.embedded.packing import PLAIN, pack, unpack
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody, MessageContent, Octets

T = TypeVar("T")

_FIND = "SELECT id, file FROM blob WHERE digest = ?"
_INSERT = "INSERT INTO blob (digest, size, coding, file, data) VALUES (?, ?, ?, ?, ?) RETURNING id"
_LOAD = "SELECT coding, file, data FROM blob WHERE id = ?"
_KNOWN = "SELECT 1 FROM blob WHERE file = ?"


class StoredBody:
    """A body in the store, read when asked for."""

    __slots__ = ("_blobs", "_id", "digest", "size")

    def __init__(self, blobs: "EmbeddedBlobs", blob: int, size: int, digest: bytes) -> None:
        self._blobs = blobs
        self._id = blob
        self.size = size
        self.digest = digest

    def _load(self) -> MemoryBody | FileBody:
        return self._blobs.load(self._id, self.size, self.digest)

    async def opened(self) -> MemoryBody | FileBody:
        return self._load()

    async def read(self, offset: int = 0, length: int | None = None) -> bytes:
        return await self._load().read(offset, length)

    async def chunks(self, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        async for chunk in self._load().chunks(offset, length):
            yield chunk

    async def apply(self, function: Callable[[Octets], T]) -> T:
        return await self._load().apply(function)


class EmbeddedBlobs:
    """The blobs of one data folder."""

    def __init__(self, folder: Path, reader: Reader, disk: DiskSpace) -> None:
        self.folder = folder
        self._reader = reader
        self._disk = disk
        self._lasting: set[Path] = set()
        make_folder(folder)

    def spill(self) -> FileSpill:
        """See `compostela.core.blob.ports`."""
        self._disk.check_room(CHUNK_BYTES, in_file=True)
        shelf = self.folder / new_id()[-2:]
        try:
            shelf.mkdir(mode=0o700, exist_ok=True)
            return FileSpill(shelf, self._lasting)
        except OSError as error:
            raise translated_os_error(error) from error

    def check_room(self, size: int) -> None:
        """See `compostela.core.blob.ports`."""
        self._disk.check_room(size, in_file=size > CHUNK_BYTES)

    def take_room(self, content: MessageContent) -> None:
        """Raises `StorageFull` when a new message, which comes now, would eat into the reserve. The file of a large body counts once,
        however many mailboxes it goes to."""
        body = content.body
        if not isinstance(body, FileBody):
            self._disk.take_room(content.size)
        elif body.has_taken_room:
            self._disk.take_room(len(content.header))
        else:
            self._disk.take_room(content.size)
            body.has_taken_room = True

    def put(self, tx: Transaction, body: Body) -> int:
        """The row id of the body's blob, made if its bytes are not stored yet. In the transaction that refers to it."""
        digest = body.digest
        found = tx.execute(_FIND, (digest,)).fetchone()
        if found is not None:
            if isinstance(body, FileBody) and found[1] != _name(body.path):
                tx.after_commit.append(lambda: body.path.unlink(missing_ok=True))
            return int(found[0])
        if isinstance(body, FileBody):
            if not body.path.exists():
                raise TemporaryFailure("the file of a body is gone from the store")
            body.claim()
            values: tuple[bytes, int, int, str | None, bytes | None] = (
                digest,
                body.size,
                PLAIN,
                _name(body.path),
                None,
            )
        elif isinstance(body, MemoryBody):
            coding, data = pack(body.data)
            values = (digest, body.size, coding, None, data)
        else:
            raise TemporaryFailure("the bytes of a body are gone from the store")
        return int(tx.execute(_INSERT, values).fetchone()[0])

    def body(self, blob: int, size: int, digest: bytes) -> Body:
        """The body of a row, unread."""
        return StoredBody(self, blob, size, digest)

    def load(self, blob: int, size: int, digest: bytes) -> MemoryBody | FileBody:
        """The bytes of a row, or the open file. Raises `TemporaryFailure` when they are gone or cut."""
        row = self._reader.execute(_LOAD, (blob,)).fetchone()
        if row is None:
            raise TemporaryFailure("the bytes of a body are gone from the store")
        coding, file, data = row
        if file is not None:
            return open_body(self.path(file), size, digest)
        octets = unpack(coding, data)
        if len(octets) != size:
            raise TemporaryFailure("the bytes of a body in the store are cut")
        return MemoryBody(octets, digest)

    def path(self, file: str) -> Path:
        """Where a file of this name is."""
        return self.folder / file

    @staticmethod
    def is_known(tx: Transaction, file: str) -> bool:
        """Whether a row names the file."""
        return tx.execute(_KNOWN, (file,)).fetchone() is not None


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
