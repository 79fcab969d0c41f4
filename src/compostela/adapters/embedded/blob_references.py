"""Blobs by id: the references of other parts to bodies of the store. See `compostela.core.blob.ports.BlobsById`.

An id is the digest of the octets, so that any body of the store can be opened by it, also one that messages refer to.
"""

from collections.abc import Sequence

from compostela.adapters.embedded.blobs import EmbeddedBlobs, StoredBody
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.base.clock import Clock
from compostela.base.errors import NotFound
from compostela.core.blob.model import Body, MessageContent, blob_id_of, digest_of
from compostela.core.blob.references import Reference, Referrer
from compostela.model.numbers import BlobId

_ADD = "INSERT OR IGNORE INTO blob_reference (kind, key, digest, saved_at) VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM blob_reference WHERE kind = ? AND key = ? AND digest = ?"
_FIND = "SELECT id, size FROM blob WHERE digest = ?"
_LIST = """SELECT key, digest, saved_at FROM blob_reference WHERE kind = ? AND (key, digest) > (?, ?)
    ORDER BY key, digest LIMIT ?"""


class EmbeddedBlobsById:
    """The references of one data folder."""

    def __init__(self, writer: Writer, reader: Reader, blobs: EmbeddedBlobs, clock: Clock) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs
        self._clock = clock

    async def save(self, body: Body, referrer: Referrer) -> BlobId:
        """See `compostela.core.blob.ports`."""
        self._blobs.take_room(MessageContent(b"", body))
        now = self._clock.now()

        def job(tx: Transaction) -> None:
            self._blobs.put(tx, body)
            tx.execute(_ADD, (referrer.kind, referrer.key, body.digest, now))

        await self._writer.run(job)
        return blob_id_of(body.digest)

    async def open(self, blob: BlobId) -> Body:
        """See `compostela.core.blob.ports`."""
        digest = digest_of(blob)
        row = None if digest is None else self._reader.execute(_FIND, (digest,)).fetchone()
        if digest is None or row is None:
            raise NotFound(f"there is no blob {blob}")
        return StoredBody(self._blobs, row[0], row[1], digest)

    async def delete(self, blob: BlobId, referrer: Referrer) -> None:
        """See `compostela.core.blob.ports`."""
        digest = digest_of(blob)
        if digest is not None:
            await self._writer.execute(_REMOVE, (referrer.kind, referrer.key, digest), frees_space=True)

    async def list(self, kind: str, *, after: Reference | None, limit: int) -> Sequence[Reference]:
        """See `compostela.core.blob.ports`."""
        key, digest = ("", b"") if after is None else (after.referrer.key, digest_of(after.blob) or b"")
        rows = self._reader.execute(_LIST, (kind, key, digest, limit)).fetchall()
        return [Reference(Referrer(kind, row[0]), blob_id_of(row[1]), row[2]) for row in rows]
