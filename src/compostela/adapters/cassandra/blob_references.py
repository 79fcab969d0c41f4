"""Which bodies the rows of mailboxes, queues and repositories refer to. Each is read as a whole, for the collection of bodies."""

from collections.abc import AsyncIterator

from compostela.adapters.cassandra.mailbox_contents import blob_of as blob_of_message
from compostela.adapters.cassandra.queue_rows import blob_of as blob_of_entry
from compostela.adapters.cassandra.repositories import blob_of as blob_of_storing
from compostela.adapters.cassandra.session import CassandraSession
from compostela.model.numbers import BlobId

PAGE = 200
"""Rows that are read at once: each may have a header or a small body."""
_ROWS = {
    "SELECT DISTINCT message, content FROM message": blob_of_message,
    "SELECT entry, mail FROM queue_entry": blob_of_entry,
    "SELECT DISTINCT url, key, mail FROM repository_mail": blob_of_storing,
}


class BlobReferences:
    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def all(self) -> AsyncIterator[list[BlobId]]:
        """Raises `TemporaryFailure`."""
        for query, blob_of in _ROWS.items():
            async for page in self._session.pages(query, size=PAGE):
                blobs = [blob_of(row[-1]) for row in page if row[-1] is not None]
                if found := [blob for blob in blobs if blob]:
                    yield found
