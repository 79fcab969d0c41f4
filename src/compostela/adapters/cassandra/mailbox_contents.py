"""Messages by id: their content, and their places in mailboxes.

A place is written by the projector, at the ModSeq of the append as its timestamp, and deleted at that of the expunge. A pair of
mailbox and UID lives once, so no place is ever written again after it went. An intent (UID 0), written before the publish, stays: it
tells in which mailboxes to look for a message.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

import msgspec

from compostela.adapters.cassandra.conditional import MAX_TTL
from compostela.adapters.cassandra.mailbox_log import LAST_TIMESTAMP, persistently, repeated
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.concurrency import side_by_side
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.mailbox.log_and_pages.projection import Place
from compostela.core.mailbox.model import StoredMessage
from compostela.model.numbers import BlobId

SIDE_BY_SIDE = 32
INLINE_BYTES = 8 * 1024
"""Bodies up to this size are in the row of the message."""
TRUSTED_SECONDS = 86400
"""How long a copied message is not taken for garbage: far more than clocks of nodes differ."""
_INTEND = "INSERT INTO message (message, mailbox, uid) VALUES (?, ?, 0) USING TIMESTAMP 1"
_SUSPECT = "INSERT INTO message (message, suspect) VALUES (?, ?) USING TIMESTAMP ?"
_TRUST = "DELETE suspect FROM message USING TIMESTAMP ? WHERE message = ?"
_REMOVE = f"DELETE FROM message USING TIMESTAMP {LAST_TIMESTAMP} WHERE message = ?"
_FROM_FIRST = "SELECT message, mailbox, uid, suspect FROM message"
_AFTER = f"{_FROM_FIRST} WHERE token(message) > token(?)"
_STORE = "INSERT INTO message (message, mailbox, uid, content, body) VALUES (?, ?, 0, ?, ?) USING TIMESTAMP 1"
_STORE_CONTENT = "INSERT INTO message (message, mailbox, uid, content) VALUES (?, ?, 0, ?) USING TIMESTAMP 1"
_STORE_FOR_A_TIME = "UPDATE message USING TIMESTAMP 1 AND TTL ? SET body = ? WHERE message = ?"
_PLACE = "INSERT INTO message (message, mailbox, uid) VALUES (?, ?, ?) USING TIMESTAMP ?"
_DISPLACE = "DELETE FROM message USING TIMESTAMP ? WHERE message = ? AND mailbox = ? AND uid = ?"
_READ = "SELECT DISTINCT message, content, body FROM message WHERE message = ?"
_READ_NOTES = "SELECT DISTINCT message, content FROM message WHERE message = ?"
_PLACES = "SELECT mailbox, uid FROM message WHERE message = ?"


class Notes(msgspec.Struct, frozen=True, array_like=True):
    """All of a message but its body, in one cell."""

    header: bytes
    structure: bytes
    body_size: int
    blob: str = ""
    """Of a body that is not in the row."""
    has_copy: bool = False
    """Whether a recovery copy was written, or begun."""


@dataclass(frozen=True, slots=True)
class SmallBodies:
    """Which bodies are in the rows of their messages, and for how long."""

    max_bytes: int = INLINE_BYTES
    kept_seconds: float | None = None
    """After so long they leave the row, so they are in the body store too, as all bodies are. None: they stay in the row, and are in
    no other place."""


@dataclass(slots=True)
class PlacedMessage:
    """Where a message was noted. `suspect_since` in epoch seconds."""

    message: bytes
    suspect_since: int | None
    mailboxes: set[str] = field(default_factory=set)
    """All to which it ever came."""
    has_place: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Notes)


class MessageTable:
    def __init__(self, session: CassandraSession, bodies: BodyStore, small: SmallBodies | None = None) -> None:
        self._session = session
        self._bodies = bodies
        self._small = small or SmallBodies()

    # writing

    async def store(
        self, message: bytes, mailbox: str, content: MessageContent, structure: bytes, *, has_copy: bool = False
    ) -> Notes:
        """The body first, so that no reference dangles; then the content with the intent to place it."""
        body = content.body
        inline, blob = None, ""
        if body.size <= self._small.max_bytes:
            inline = await body.read()
        if inline is None or (self._small.kept_seconds is not None and body.size):
            blob, _ = await repeated(lambda: self._bodies.keep(body))
        notes = Notes(content.header, structure, body.size, blob, has_copy)
        await self._write(message, mailbox, _encoder.encode(notes), inline)
        return notes

    async def _write(self, message: bytes, mailbox: str, notes: bytes, inline: bytes | None) -> None:
        seconds = self._small.kept_seconds
        if inline is None or seconds is None:
            await persistently(lambda: self._session.write(_STORE, message, mailbox, notes, inline))
            return
        both = [
            Statement(_STORE_CONTENT, (message, mailbox, notes)),
            Statement(_STORE_FOR_A_TIME, (int(min(seconds, MAX_TTL)), inline, message)),
        ]
        await persistently(lambda: self._session.batch(both))

    async def intend(self, messages: Iterable[bytes], mailbox: str, now: int) -> None:
        """Before copies are published. What was taken for garbage no longer is. `now` in epoch seconds."""
        distinct = sorted(set(messages))

        async def intend(message: bytes) -> None:
            both = [Statement(_INTEND, (message, mailbox)), Statement(_TRUST, (now + TRUSTED_SECONDS, message))]
            await persistently(lambda: self._session.batch(both))

        await side_by_side(distinct, intend, SIDE_BY_SIDE)

    async def place(self, mailbox: str, places: Iterable[Place]) -> None:
        async def write(place: Place) -> None:
            values = (place.message, mailbox, place.uid)
            if place.is_gone:
                await persistently(lambda: self._session.write(_DISPLACE, place.modseq, *values))
            else:
                await persistently(lambda: self._session.write(_PLACE, *values, place.modseq))

        await side_by_side(list(places), write, SIDE_BY_SIDE)

    async def suspect(self, message: bytes, now: int) -> None:
        """It has no place. `now` in epoch seconds."""
        await persistently(lambda: self._session.write(_SUSPECT, message, now, now))

    async def remove(self, message: bytes) -> None:
        """The content and all places; what is written late does not bring it back."""
        await persistently(lambda: self._session.write(_REMOVE, message))

    # reading

    async def all(self, after: bytes, limit: int) -> AsyncIterator[PlacedMessage]:
        """At most `limit` messages after one, in the order of the partitions."""
        pages = self._session.pages(_AFTER, after) if after else self._session.pages(_FROM_FIRST)
        found: PlacedMessage | None = None
        async for page in pages:
            for message, mailbox, uid, suspect in page:
                if found is None or found.message != message:
                    if found is not None:
                        yield found
                        limit -= 1
                    if not limit:
                        return
                    found = PlacedMessage(bytes(message), suspect)
                if mailbox is not None:
                    found.mailboxes.add(mailbox)
                    found.has_place |= uid > 0
        if found is not None:
            yield found

    async def notes(self, message: bytes) -> Notes | None:
        row = await self._session.first(_READ_NOTES, message)
        return None if row is None or row[1] is None else _decoder.decode(row[1])

    async def read(self, message: bytes) -> StoredMessage | None:
        row = await self._session.first(_READ, message)
        if row is None or row[1] is None:
            return None
        notes = _decoder.decode(row[1])
        body: Body
        if row[2] is not None or notes.body_size == 0:
            body = MemoryBody(bytes(row[2] or b""))
        else:
            body = self._bodies.body(BlobId(notes.blob), notes.body_size)
        return StoredMessage(MessageContent(notes.header, body), notes.structure)

    async def places(self, message: bytes) -> list[tuple[str, int]]:
        """Mailboxes with UIDs; UID 0 is an intent."""
        return [(mailbox, uid) for mailbox, uid in await self._session.rows(_PLACES, message) if mailbox is not None]


def blob_of(content: bytes) -> BlobId | None:
    """The body that a content refers to, None if it has its own."""
    blob = _decoder.decode(content).blob
    return BlobId(blob) if blob else None
