"""The port through which large bodies arrive before anything refers to them."""

from typing import Protocol

from compostela.core.blob.model import Body


class Spill(Protocol):
    """A body that grows on disk while it arrives. Exactly one of `finish` and `discard` ends it; when neither is called
    (the process died) the bytes are swept later.

    Embedded: a file of its own in the blob folder, which stays where it is. Distributed: a local file, put as one object
    and acknowledged by the store when `finish` returns."""

    @property
    def size(self) -> int: ...

    def write(self, data: bytes | memoryview) -> None:
        """Appends, hashing as it goes. Buffered: cheap enough for the loop. Raises `StorageFull`."""
        ...

    async def finish(self) -> Body:
        """Makes the bytes durable, off the loop, and gives the body; what then refers to it (a queue entry, a message)
        makes it the blob. Raises `StorageFull` or `TemporaryFailure`; the spill is discarded then, and when the call is
        cancelled."""
        ...

    def discard(self) -> None: ...


class BlobStore(Protocol):
    """Where bodies live.

    Bodies are written *before* what refers to them, and removed *after* it, so a dangling blob is possible and a dangling
    reference is not. Equal bodies are stored once.

    Embedded: small bodies are written in the very transaction that refers to them (one commit for a small mail); a spilled
    body is fsynced with its folder and renamed before that transaction. Garbage collection removes a row in a writer
    transaction that checks the references again, then the file.
    Distributed: the object is put (and acknowledged by the store) before the row that refers to it; garbage collection goes
    by generation, never touching the two youngest.
    """

    def spill(self) -> Spill:
        """Begins to write a large body. Raises `StorageFull` below the reserve."""
        ...

    def check_room(self, size: int) -> None:
        """Raises `StorageFull` when a message of `size` octets would eat into the reserve. Cheap (cached for a second)."""
        ...
