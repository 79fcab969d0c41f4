"""Where bodies live: small ones as rows beside what refers to them, large ones as files (see the decision record).

Equal bodies are one blob. A blob's row is written in the transaction that first refers to it, so a row without a reference
comes about only when the last reference goes; garbage collection removes it then.
"""

import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

from compostela.adapters.embedded.database import Execute
from compostela.adapters.embedded.disk import DiskSpace, translated_os_error
from compostela.adapters.embedded.file_bodies import FileBody, FileSpill, is_whole, make_folder, open_body
from compostela.adapters.embedded.packing import PLAIN, pack, unpack, unpack_whole
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction
from compostela.base.errors import TemporaryFailure
from compostela.base.ids import new_id
from compostela.core.blob.model import CHUNK_BYTES, Body, MemoryBody, MessageContent, Octets

_log = logging.getLogger(__name__)

T = TypeVar("T")

_FIND = "SELECT id, coding, file, length(data) FROM blob WHERE digest = ?"
_DATA = "SELECT data FROM blob WHERE id = ?"
_REPAIR = "UPDATE blob SET size = ?, coding = ?, file = ?, data = ? WHERE id = ?"
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

    @property
    def is_far(self) -> bool:
        return False

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

    def prepare(self, body: Body) -> None:
        """Does what `put` would do in the transaction, while other writers wait for it: digest and compression."""
        if isinstance(body, MemoryBody) and body.stored_as is None and body.to_be_stored is None:
            _ = body.digest
            body.to_be_stored = pack(body.data)

    def put(self, tx: Transaction, body: Body) -> int:
        """The row id of the body's blob, made if its bytes are not stored yet. In the transaction that refers to it.

        Before a new copy is dropped the stored one is checked (see decision record 0002); one that is gone or cut is
        replaced by the new one, in the same row. Raises `TemporaryFailure` when there is no good copy."""
        digest = body.digest
        found = tx.execute(_FIND, (digest,)).fetchone()
        if found is None:
            return self._insert(tx, body)
        blob, coding, file, length = found
        if isinstance(body, StoredBody):
            return int(blob)  # there is no other copy
        if file is None:
            is_sound = self._is_row_whole(tx, blob, coding, length, body)
        else:
            is_sound = is_whole(self.path(file), body.size)
        if not is_sound:
            self._repair(tx, blob, body)
        elif isinstance(body, FileBody) and file != _name(body.path):
            tx.after_commit.append(lambda: body.path.unlink(missing_ok=True))
        return int(blob)

    def _insert(self, tx: Transaction, body: Body) -> int:
        blob = int(tx.execute(_INSERT, (body.digest, body.size, *self._columns(body))).fetchone()[0])
        # not before: what is rolled back is not in the row
        tx.after_commit.append(lambda: self._remember(blob, body))
        return blob

    def _repair(self, tx: Transaction, blob: int, body: Body) -> None:
        tx.execute(_REPAIR, (body.size, *self._columns(body), blob))

        def repaired() -> None:
            self._remember(blob, body)
            _log.warning(
                "repaired a stored body that was gone or cut, from a new mail with the same body",
                extra={"digest": body.digest.hex()},
            )

        tx.after_commit.append(repaired)

    def _columns(self, body: Body) -> tuple[int, str | None, bytes | None]:
        """Coding, file and data of a row that is to hold the bytes of this body."""
        if isinstance(body, MemoryBody):
            coding, data = body.to_be_stored or pack(body.data)
            return coding, None, data
        if not isinstance(body, FileBody) or body.is_stored:
            raise TemporaryFailure("the bytes of a body are gone from the store")
        if not is_whole(body.path, body.size):
            raise TemporaryFailure("the file of a body is gone from the store")
        body.claim()
        return PLAIN, _name(body.path), None

    def _is_row_whole(self, tx: Transaction, blob: int, coding: int, length: int | None, body: Body) -> bool:
        """Whether a row has all octets. The length of packed ones is known by unpacking them alone: once for each mail,
        which comes again for each of its recipients."""
        if coding == PLAIN or length is None:
            return length == body.size
        if isinstance(body, MemoryBody) and body.stored_as == (self.folder, blob):
            return True
        if unpack_whole(coding, tx.execute(_DATA, (blob,)).fetchone()[0], body.size) is None:
            return False
        self._remember(blob, body)
        return True

    def _remember(self, blob: int, body: Body) -> None:
        if isinstance(body, MemoryBody):
            body.stored_as = (self.folder, blob)
            body.to_be_stored = None
        elif isinstance(body, FileBody):
            # a row names its file from now on
            body.is_stored = True

    def content(self, coding: int, header: bytes, blob: int, size: int, digest: bytes) -> MessageContent:
        """A message from its packed header block and its body's blob; the body is unread."""
        return MessageContent(unpack(coding, header), StoredBody(self, blob, size, digest))

    def load(self, blob: int, size: int, digest: bytes) -> MemoryBody | FileBody:
        """The bytes of a row, or the open file. Raises `TemporaryFailure` when they are gone or cut."""
        row = self._reader.execute(_LOAD, (blob,)).fetchone()
        if row is None:
            raise TemporaryFailure("the bytes of a body are gone from the store")
        coding, file, data = row
        if file is not None:
            return open_body(self.path(file), size, digest)
        plain = unpack_whole(coding, data, size)
        if plain is None:
            raise TemporaryFailure("the bytes of a body were cut in the store")
        return MemoryBody(plain, digest)

    def path(self, file: str) -> Path:
        """Where a file of this name is."""
        return self.folder / file

    @staticmethod
    def is_known(execute: Execute, file: str) -> bool:
        """Whether a row names the file."""
        return execute(_KNOWN, (file,)).fetchone() is not None


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
