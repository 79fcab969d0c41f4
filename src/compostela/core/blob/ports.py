"""The ports of bodies: how large ones arrive before anything refers to them, how parts keep octets by id, and how what
nothing refers to is collected."""

from collections.abc import Sequence
from typing import Protocol

from compostela.core.blob.model import Body
from compostela.core.blob.references import CollectedPart, Reference, Referrer
from compostela.model.numbers import BlobId


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


class BlobsById(Protocol):
    """Octets that other parts keep under a name: exports, uploads, deleted messages. A blob lives while a referrer refers to it.

    A part that keeps rows of its own saves the blob first and writes its row after it, and removes them in the opposite order. A
    crash between the two leaves a reference without a row: the part finds it with `list` and deletes it.

    Embedded: a reference is a row, written in the transaction that stores a small body or claims the file of a large one.
    Distributed: the object is put and acknowledged, then the reference is written, then `save` returns. The id names the
    generation of the object, and a save always refers to an object of the present generation (equal octets are stored once in
    each, unless objects are not shared; octets of an older object are copied): so no save that takes less than a generation, from
    the arrival of the body on, meets the collection of the same object. A reference is one row, by kind and key; the collection
    reads all of them."""

    async def save(self, body: Body, referrer: Referrer) -> BlobId:
        """Stores the octets and lets the referrer refer to them; durable when it returns. May be repeated, with the same outcome.
        A referrer may refer to several blobs.

        Callers keep the id as it is: the same octets may have another one later. Raises `StorageFull`, and `TemporaryFailure` also
        when the octets of the body are gone; a reference may have been written then, which a repetition or `delete` settles."""
        ...

    async def open(self, blob: BlobId) -> Body:
        """The octets. Raises `NotFound` for a blob that is unknown or was collected. One that lost its last reference can be opened
        and read for a generation more."""
        ...

    async def delete(self, blob: BlobId, referrer: Referrer) -> None:
        """The referrer does not refer to the blob any more; durable when it returns. Nothing if it did not. What no referrer refers
        to is collected later (`BlobGarbage`)."""
        ...

    async def list(self, kind: str, *, after: Reference | None, limit: int) -> Sequence[Reference]:
        """At most `limit` references of a kind of referrer, in the order of key and blob, beginning after the given one. What is
        saved or deleted between two pages may or may not appear."""
        ...


class BlobGarbage(Protocol):
    """Removes blobs that nothing refers to: no reference by id, no message, no queue entry, no mail of a repository.

    In small steps, each of which may be repeated: a collection goes on where another process left it. A blob stays while anything
    refers to it, and for two generations after that, so that a reader that was given it can finish. A crash at any line leaves
    nothing that no later collection finds. Two collections at once do no harm.

    Embedded: what is found without reference is noted with the time, and removed by a later collection in a transaction that
    looks again; the file goes after its row. Files that no row knows are removed after a day, but not by a database that is younger
    than they are or knows less than half of them; their mode tells those that no row of any database names.
    Distributed: a listing of the objects in the order of their keys. Those of the present generation and of the one before are
    passed over; an older one goes if nothing refers to it."""

    async def collect(self, position: str | None, limit: int) -> CollectedPart:
        """The next part of a collection, None for the first; removes at most `limit` blobs. Raises `TemporaryFailure`, and
        `InvalidArgument` for a position that the store did not give."""
        ...
