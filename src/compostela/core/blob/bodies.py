"""Bodies that are kept apart from the rows that refer to them."""

from typing import Protocol

from compostela.core.blob.model import Body
from compostela.model.numbers import BlobId


class BodyStore(Protocol):
    """Where stores of messages and queue entries put bodies that are too large for their rows.

    A row that refers to a blob is written after `keep` returned. Equal bodies are stored once.

    Embedded: not needed, a body is stored in the transaction that refers to it. Distributed: an object of the present generation, which the
    collection leaves alone until the row is there."""

    async def keep(self, body: Body) -> BlobId:
        """Make a body durable, unless the store has it. The caller keeps the id as it is. Raises `StorageFull` and
        `TemporaryFailure`; may be repeated."""
        ...

    def body(self, blob: BlobId, size: int) -> Body:
        """The body of so many octets under this id, which is read when asked for."""
        ...
