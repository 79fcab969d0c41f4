"""The rows of queue entries: see record 0013.

An entry has a *revision*, which each change raises by one conditional write: a retry, a release, a death. What was published under
an older revision is found to be old. Rows that are only written once have the timestamp 1, and are removed with 2. A node notes
what it has in work without a condition, in a column of its own.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

import msgspec

from compostela.adapters.cassandra.queue_minutes import DUE, LINES, WRITE_SECONDS, Minutes
from compostela.adapters.cassandra.session import CassandraSession, Row
from compostela.base.clock import Clock
from compostela.base.errors import TemporaryFailure
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.mail import codec
from compostela.core.mail.attributes import DELIVERY_RETRIES
from compostela.core.mail.model import Mail
from compostela.core.queue.model import QueuedMail
from compostela.model.numbers import BlobId, EntryId

QUEUED = "q-"
MADE = "q-e-"
"""Entries that effects made: their ids come out the same in each run."""
INLINE_BYTES = 8192
"""Bodies up to this size are in the row."""
BUCKETS = 16
READS_AT_ONCE = 128
REMEMBERED_SECONDS = 10 * 86400
"""How long an effect is known to have happened after its entry has ended: longer than any run."""
_TOO_LONG = "a mail took too long to be stored"
_HANDINGS = 1 << 20
"""Times that one revision may be handed out and given back."""

_INSERT = "UPDATE queue_entry USING TIMESTAMP 1 SET revision = 1, facts = ?, mail = ? WHERE entry = ?"
_INSERT_ONCE = "UPDATE queue_entry SET revision = 1, facts = ?, mail = ? WHERE entry = ? IF revision = null"
_READ = "SELECT revision, facts, mail, work FROM queue_entry WHERE entry = ?"
_LOOK = "SELECT revision, facts, work FROM queue_entry WHERE entry = ?"
_CHANGE = "UPDATE queue_entry SET revision = ?, facts = ? WHERE entry = ? IF revision = ?"
_REPLACE = "UPDATE queue_entry SET revision = ?, facts = ?, mail = ? WHERE entry = ? IF revision = ?"
_END = "DELETE FROM queue_entry WHERE entry = ? IF revision > 0"
_END_MADE = "UPDATE queue_entry USING TTL ? SET revision = -1, facts = null, mail = null, work = null WHERE entry = ? IF revision > 0"
_NOTE = "UPDATE queue_entry USING TIMESTAMP ? SET work = ? WHERE entry = ?"
_ADD_LINE = "INSERT INTO queue_line (queue, minute, bucket, entry) VALUES (?, ?, ?, ?) USING TIMESTAMP 1"
_REMOVE_LINE = "DELETE FROM queue_line USING TIMESTAMP 2 WHERE queue = ? AND minute = ? AND bucket = ? AND entry = ?"
_LINES = "SELECT entry FROM queue_line WHERE queue = ? AND minute = ? AND bucket = ?"
_ADD_DUE = "INSERT INTO queue_due (queue, minute, due, entry, revision) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP 1"
_REMOVE_DUE = (
    "DELETE FROM queue_due USING TIMESTAMP 2 WHERE queue = ? AND minute = ? AND due = ? AND entry = ? AND revision = ?"
)
_DUE_PAGE = "SELECT due, entry, revision FROM queue_due WHERE queue = ? AND minute = ? AND due <= ?"


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """What a listing, the order and the scheduler need of an entry."""

    queue: str
    name: str
    sender: str | None
    recipients: list[str]
    size: int
    priority: int
    enqueued_at: float
    due_at: float
    """0 when it was ready at once."""
    place: str
    """Sorts entries that were enqueued at the same time: the ids of those that effects made do not tell which was first."""
    published: int = 1
    """The revision that was published, or is to be when the entry is due: a message of another one is old. A death raises the
    revision only."""
    deaths: int = 0
    deaths_alone: int = 0
    failures: int = 0
    last_error: str | None = None
    held_from: int = 0
    """The revision at which an administrator held it, 0 if it is not held."""

    @property
    def minute(self) -> int:
        return int(self.enqueued_at // 60)

    @property
    def ready_at(self) -> float:
        return max(self.enqueued_at, self.due_at)

    def listed(self, entry: EntryId, now: float) -> QueuedMail:
        return QueuedMail(
            entry=entry,
            name=self.name,
            sender=None if self.sender is None else codec.address_of(self.sender),
            recipients=tuple(map(codec.address_of, self.recipients)),
            enqueued_at=self.enqueued_at,
            next_delivery_at=self.due_at if self.due_at > now else None,
            size=self.size,
            failures=self.failures,
            last_error=self.last_error,
            is_held=self.held_from > 0,
        )


class Note(msgspec.Struct, frozen=True, array_like=True):
    """That a node has a revision of an entry in work, or had."""

    node: str
    revision: int
    handing: int
    is_alone: bool
    is_in_work: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of an entry that has not ended."""

    revision: int
    facts: Facts
    note: Note | None
    mail: bytes = b""

    @property
    def holder(self) -> Note | None:
        """The note of a node that has this revision in work, or died while it had."""
        note = self.note
        return note if note is not None and note.is_in_work and note.revision == self.revision else None


@dataclass(frozen=True, slots=True)
class Due:
    """A row of the scheduler."""

    minute: int
    due: float
    entry: EntryId
    revision: int


_encode = msgspec.msgpack.Encoder().encode
_facts = msgspec.msgpack.Decoder(Facts).decode
_note = msgspec.msgpack.Decoder(Note).decode
_stored = msgspec.msgpack.Decoder(tuple[bytes, bytes, bytes | None, str, int]).decode


class QueueRows:
    """The statements. All calls raise `TemporaryFailure`."""

    def __init__(self, session: CassandraSession, bodies: BodyStore, clock: Clock) -> None:
        self.session = session
        self.minutes = Minutes(session, clock)
        self._bodies = bodies

    # entries

    async def encoded(self, mail: Mail) -> bytes:
        """The mail as one value: a row never mixes two runs. Its body is durable then."""
        body, envelope = mail.content.body, codec.encode(mail)
        if body.size <= INLINE_BYTES:
            return _encode((envelope, mail.content.header, await body.read(), "", body.size))
        return _encode((envelope, mail.content.header, None, await self._bodies.keep(body), body.size))

    def decoded(self, stored: bytes) -> Mail:
        envelope, header, octets, blob, size = _stored(stored)
        body: Body = MemoryBody(octets) if octets is not None else self._bodies.body(BlobId(blob), size)
        return codec.decode(envelope, MessageContent(header, body))

    async def store(self, entry: EntryId, facts: Facts, stored: bytes, *, is_made: bool) -> bool:
        """Writes the row and where it is found. Fails if that took long: see `queue_minutes`. False if the entry is there."""
        clock = asyncio.get_running_loop().time
        began = clock()
        if is_made:
            # the sweeper finds an entry by its line, so the line comes first
            await self.add_line(facts.queue, facts.minute, entry)
            if clock() - began > WRITE_SECONDS:
                raise TemporaryFailure(_TOO_LONG)
            if not await self.insert_once(entry, facts, stored):
                return False
        else:
            await asyncio.gather(self.insert(entry, facts, stored), self.add_line(facts.queue, facts.minute, entry))
            if clock() - began > WRITE_SECONDS:
                # its caller comes again, with another entry
                await self.end(entry)
                raise TemporaryFailure(_TOO_LONG)
        if facts.due_at:
            # after the row, since the scheduler removes due rows of entries that have none. If this process dies in between, the sweeper finds the entry
            await self.add_due(facts.queue, facts.due_at, entry, 1)
        return True

    async def insert(self, entry: EntryId, facts: Facts, mail: bytes) -> None:
        await self.session.write(_INSERT, _encode(facts), mail, entry)

    async def insert_once(self, entry: EntryId, facts: Facts, mail: bytes) -> bool:
        """False if the entry is there, or has ended."""
        return (await self.session.write_if(_INSERT_ONCE, _encode(facts), mail, entry)).applied

    async def read(self, entry: EntryId) -> Entry | None:
        row = await self.session.first(_READ, entry)
        return None if row is None or not _is_alive(row) else Entry(row[0], _facts(row[1]), _noted(row[3]), row[2])

    async def look(self, entry: EntryId) -> Entry | None:
        """Without its mail."""
        row = await self.session.first(_LOOK, entry)
        return None if row is None or not _is_alive(row) else Entry(row[0], _facts(row[1]), _noted(row[2]))

    async def is_over(self, entry: EntryId) -> bool:
        """Whether it is the id of a queue entry that has ended: no effect of it changes anything any more."""
        return entry.startswith(QUEUED) and await self.look(entry) is None

    async def change(self, entry: EntryId, revision: int, facts: Facts, mail: bytes | None = None) -> bool:
        """Raise the revision. False if it was not the given one."""
        if mail is None:
            outcome = await self.session.write_if(_CHANGE, revision + 1, _encode(facts), entry, revision)
        else:
            outcome = await self.session.write_if(_REPLACE, revision + 1, _encode(facts), mail, entry, revision)
        return outcome.applied

    async def end(self, entry: EntryId) -> bool:
        """False if it had ended."""
        if entry.startswith(MADE):
            return (await self.session.write_if(_END_MADE, REMEMBERED_SECONDS, entry)).applied
        return (await self.session.write_if(_END, entry)).applied

    async def note(self, entry: EntryId, note: Note) -> None:
        version = note.revision * _HANDINGS + 2 * note.handing + (not note.is_in_work)
        await self.session.write(_NOTE, version, _encode(note), entry)

    # lines

    async def add_line(self, queue: str, minute: int, entry: EntryId) -> None:
        await self.minutes.name(queue, LINES, minute)
        await self.session.write(_ADD_LINE, queue, minute, _bucket(entry), entry)

    async def remove_line(self, queue: str, minute: int, entry: EntryId) -> None:
        await self.session.write(_REMOVE_LINE, queue, minute, _bucket(entry), entry)

    async def lines(self, queue: str, minute: int) -> list[EntryId]:
        """The entries that were enqueued in a minute, those that have ended since too."""

        async def bucket_of(bucket: int) -> list[Row]:
            return await self.session.rows(_LINES, queue, minute, bucket)

        return [EntryId(row[0]) for rows in await asyncio.gather(*map(bucket_of, range(BUCKETS))) for row in rows]

    async def entries_of(self, queue: str, minute: int) -> list[tuple[EntryId, Entry]]:
        """The entries of a minute that have not ended, in the order in which they were enqueued."""
        found: list[tuple[EntryId, Entry]] = []
        ids = await self.lines(queue, minute)
        for start in range(0, len(ids), READS_AT_ONCE):
            some = ids[start : start + READS_AT_ONCE]
            rows = await asyncio.gather(*map(self.look, some))
            # an entry that two runs made has a line of each, maybe in two minutes
            found += [(entry, row) for entry, row in zip(some, rows, strict=True) if row and row.facts.minute == minute]
        return sorted(found, key=lambda pair: (pair[1].facts.enqueued_at, pair[1].facts.place))

    async def is_left_over(self, entry: EntryId, minute: int, now: float) -> bool:
        """Whether the line of an entry in a settled minute may be removed: no entry belongs to it now, and none will later."""
        row = await self.session.first(_LOOK, entry)
        if row is not None and _is_alive(row):
            return _facts(row[1]).minute != minute  # another run made it, and wrote its own line first
        has_ended = row is not None and row[0] is not None
        # the conditional write of a run that died or stood still may yet be carried out: by the next one that asks
        return has_ended or not entry.startswith(MADE) or minute * 60 < now - REMEMBERED_SECONDS

    # due entries

    async def add_due(self, queue: str, due: float, entry: EntryId, revision: int) -> None:
        minute = int(due // 60)
        await self.minutes.name(queue, DUE, minute)
        await self.session.write(_ADD_DUE, queue, minute, due, entry, revision)

    async def remove_due(self, queue: str, due: Due) -> None:
        await self.session.write(_REMOVE_DUE, queue, due.minute, due.due, due.entry, due.revision)

    async def due(self, queue: str, minute: int, until: float) -> AsyncIterator[list[Due]]:
        async for page in self.session.pages(_DUE_PAGE, queue, minute, until):
            yield [Due(minute, row[0], EntryId(row[1]), row[2]) for row in page]


def facts_of(
    queue: str, mail: Mail, priority: int, enqueued_at: float, due_at: float, place: str, published: int = 1
) -> Facts:
    failures = mail.attributes.get(DELIVERY_RETRIES)
    return Facts(
        queue,
        mail.name,
        None if mail.sender is None else str(mail.sender),
        list(map(str, mail.recipients)),
        mail.content.size,
        priority,
        enqueued_at,
        due_at,
        place,
        published,
        failures=failures if isinstance(failures, int) else 0,
        last_error=mail.error_message,
    )


def header_of(stored: bytes) -> bytes:
    """The header of the value of a mail."""
    return _stored(stored)[1]


def blob_of(stored: bytes) -> BlobId | None:
    """The body that the value of a mail refers to, None if it has its own."""
    blob = _stored(stored)[3]
    return BlobId(blob) if blob else None


def _is_alive(row: Row) -> bool:
    """A row without facts has ended, or holds no more than a late note."""
    if row[0] is None or row[0] < 0:
        return False
    if row[1] is None:
        raise TemporaryFailure("an entry of a queue has no facts")
    return True


def _noted(value: bytes | None) -> Note | None:
    return None if value is None else _note(value)


def _bucket(entry: EntryId) -> int:
    return zlib.crc32(entry.encode()) % BUCKETS
