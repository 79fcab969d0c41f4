"""Mail repositories: each key is a partition with the mail in one cell; lists of storings by day lead to them.

A storing writes its line first and then becomes the truth of its key by one conditional batch, with its effect. A line whose storing is not the truth of
its key is not listed: it was cut off, replaced or removed, or it is about to become the truth. Readers remove such lines after a day.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import blake2b

import msgspec

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.effects import IsOver
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.clock import Clock
from compostela.base.concurrency import side_by_side
from compostela.base.ids import first_id_at, new_id
from compostela.core.blob.bodies import BodyStore
from compostela.core.blob.model import Body, MemoryBody, MessageContent
from compostela.core.idempotency import Effect
from compostela.core.mail import codec
from compostela.core.mail.model import Mail
from compostela.core.repository.ports import RepositoryQuery, RepositoryUrl
from compostela.core.repository.queries import matches
from compostela.model.numbers import BlobId, EntryId

STORED = "stored:"
INLINE_BYTES = 8192
"""Bodies up to this size are in the row."""
PAGE = 200
DAY_SECONDS = 86_400
LEFT_SECONDS = 86_400.0
"""How old a line that leads nowhere must be before it is removed: far longer than any storing takes."""
EFFECT_SECONDS = 10 * 86_400
"""How long an effect is known to have happened: longer than any run."""
_EFFECT_BYTES = 16

_ADD_REPOSITORY = "INSERT INTO repository (part, url) VALUES ('all', ?) USING TIMESTAMP 1"
_REPOSITORY = "SELECT url FROM repository WHERE part = 'all' AND url = ?"
_REPOSITORIES = "SELECT url FROM repository WHERE part = 'all'"
_FACTS = "SELECT DISTINCT url, key, entry, facts FROM repository_mail WHERE url = ? AND key = ?"
_MAIL = "SELECT DISTINCT url, key, entry, mail FROM repository_mail WHERE url = ? AND key = ?"
_STORE = "UPDATE repository_mail SET entry = ?, facts = ?, mail = ? WHERE url = ? AND key = ? IF entry = ?"
_EFFECT = "INSERT INTO repository_mail (url, key, effect) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ?"
_ADD_LINE = "INSERT INTO repository_line (url, day, entry, key) VALUES (?, ?, ?, ?) USING TIMESTAMP 1"
_REMOVE_LINE = "DELETE FROM repository_line USING TIMESTAMP 2 WHERE url = ? AND day = ? AND entry = ?"
_LINES = "SELECT entry, key FROM repository_line WHERE url = ? AND day = ?"
_ADD_DAY = "INSERT INTO repository_day (url, day) VALUES (?, ?) USING TIMESTAMP 1"
_DAYS = "SELECT day FROM repository_day WHERE url = ?"


class _Facts(msgspec.Struct, array_like=True):
    """What queries look at, and the day of the line."""

    day: int
    updated: float
    sender: str | None
    recipients: str
    host: str
    address: str


_encode = msgspec.msgpack.Encoder().encode
_facts = msgspec.msgpack.Decoder(_Facts).decode
_stored = msgspec.msgpack.Decoder(tuple[bytes, bytes, bytes | None, str, int]).decode


@dataclass(frozen=True, slots=True)
class _Line:
    day: int
    entry: str
    key: str


class CassandraRepository:
    """See `compostela.core.repository.ports`."""

    def __init__(
        self, url: RepositoryUrl, session: CassandraSession, bodies: BodyStore, is_over: IsOver, clock: Clock
    ) -> None:
        self.url = url
        self._clock = clock
        self._name = str(url)
        self._session = session
        self._bodies = bodies
        self._is_over = is_over

    async def store(self, mail: Mail, effect: Effect | None = None) -> str:
        if effect is not None and await self._is_over(effect.entry):
            return mail.name
        line = _Line(int(self._clock.now() // DAY_SECONDS), new_id(), mail.name)
        facts, octets = _encode(_facts_of(mail, line.day)), await self._encoded(mail)
        await self._session.write(_ADD_DAY, self._name, line.day)
        await self._session.write(_ADD_LINE, self._name, line.day, line.entry, line.key)
        before = await planned(lambda: self._become(line, facts, octets, effect))
        if before is not None:
            await self._remove_line(before)
        return mail.name

    async def _become(self, line: _Line, facts: bytes, octets: bytes, effect: Effect | None) -> _Line | None:
        """Make a storing the truth of its key. Return the line that leads nowhere from now on."""
        known = await self._truth(line.key)
        entry = None if known is None else known[0].entry
        batch = [Statement(_STORE, (line.entry, facts, octets, self._name, line.key, entry))]
        if effect is not None:
            batch.append(Statement(_EFFECT, (self._name, line.key, _mark(effect), EFFECT_SECONDS)))
        outcome = await self._session.batch_if(batch)
        if outcome.applied:
            return None if known is None else known[0]
        if effect is not None and any(row.get("effect") == _mark(effect) for row in outcome.rows):
            return line
        raise Conflict

    async def _truth(self, key: str) -> tuple[_Line, _Facts] | None:
        row = await self._session.first(_FACTS, self._name, key)
        if row is None or row[2] is None:
            return None
        facts = _facts(row[3])
        return _Line(facts.day, row[2], key), facts

    async def _encoded(self, mail: Mail) -> bytes:
        """The mail as one value: a row never mixes two runs. Its body is durable then."""
        body, envelope = mail.content.body, codec.encode(mail)
        if body.size <= INLINE_BYTES:
            return _encode((envelope, mail.content.header, await body.read(), "", body.size))
        return _encode((envelope, mail.content.header, None, await self._bodies.keep(body), body.size))

    async def _remove_line(self, line: _Line) -> None:
        await self._session.write(_REMOVE_LINE, self._name, line.day, line.entry)

    async def keys(self, query: RepositoryQuery | None = None) -> AsyncIterator[str]:
        async for lines in self._lines(query):
            for line in lines:
                yield line.key

    async def _lines(self, query: RepositoryQuery | None = None) -> AsyncIterator[list[_Line]]:
        """Those that are the truth of their keys, in the order of storing."""
        for (day,) in await self._session.rows(_DAYS, self._name):
            async for page in self._session.pages(_LINES, self._name, day, size=PAGE):
                lines = [_Line(day, entry, key) for entry, key in page]
                truths = await side_by_side([line.key for line in lines], self._truth)
                found, leads_nowhere = [], []
                for line, truth in zip(lines, truths, strict=True):
                    if truth is None or truth[0].entry != line.entry:
                        leads_nowhere.append(line)
                    elif _is_chosen(query, truth[1]):
                        found.append(line)
                old = first_id_at(self._clock.now() - LEFT_SECONDS)
                await side_by_side([line for line in leads_nowhere if line.entry < old], self._remove_line)
                if found:
                    yield found

    async def retrieve(self, key: str) -> Mail | None:
        row = await self._session.first(_MAIL, self._name, key)
        if row is None or row[2] is None:
            return None
        envelope, header, octets, blob, size = _stored(row[3])
        body: Body = MemoryBody(octets) if octets is not None else self._bodies.body(BlobId(blob), size)
        return codec.decode(envelope, MessageContent(header, body))

    async def entry(self, key: str) -> EntryId | None:
        truth = await self._truth(key)
        return None if truth is None else self._entry_id(truth[0])

    def _entry_id(self, line: _Line) -> EntryId:
        return EntryId(f"{STORED}{line.entry}\n{self._name}\n{line.key}")

    async def remove(self, key: str, entry: EntryId | None = None) -> bool:
        async def change() -> _Line | None:
            truth = await self._truth(key)
            if truth is None or entry not in (None, self._entry_id(truth[0])):
                return None
            line = truth[0]
            gone = await self._session.write_if(_STORE, None, None, None, self._name, key, line.entry)
            if not gone.applied:
                raise Conflict
            return line

        line = await planned(change)
        if line is None:
            return False
        await self._remove_line(line)
        return True

    async def remove_all(self) -> int:
        removed = 0
        async for lines in self._lines():
            removed += sum(await side_by_side([line.key for line in lines], self.remove))
        return removed

    async def size(self) -> int:
        """Counted: as exact as a listing."""
        return sum([len(lines) async for lines in self._lines()])


class CassandraRepositories:
    """See `compostela.core.repository.ports`."""

    def __init__(self, session: CassandraSession, bodies: BodyStore, is_over: IsOver, clock: Clock) -> None:
        self._clock = clock
        self._session = session
        self._bodies = bodies
        self._is_over = is_over

    async def select(self, url: RepositoryUrl) -> CassandraRepository:
        await self._session.write(_ADD_REPOSITORY, str(url))
        return self._repository(url)

    async def find(self, url: RepositoryUrl) -> CassandraRepository | None:
        return None if await self._session.first(_REPOSITORY, str(url)) is None else self._repository(url)

    async def by_path(self, path: str) -> list[CassandraRepository]:
        return [self._repository(url) for url in await self.urls() if url.path == path.strip("/")]

    async def urls(self) -> list[RepositoryUrl]:
        return [RepositoryUrl.parse(row[0]) for row in await self._session.rows(_REPOSITORIES)]

    def _repository(self, url: RepositoryUrl) -> CassandraRepository:
        return CassandraRepository(url, self._session, self._bodies, self._is_over, self._clock)

    async def is_over(self, entry: EntryId) -> bool:
        """Whether the storing that this id names was removed or replaced."""
        stored, _, place = entry.removeprefix(STORED).partition("\n")
        url, _, key = place.partition("\n")
        row = await self._session.first(_FACTS, url, key)
        return row is None or row[2] != stored


def blob_of(stored: bytes) -> BlobId | None:
    """The body that the value of a mail refers to, None if it has its own."""
    blob = _stored(stored)[3]
    return BlobId(blob) if blob else None


def _facts_of(mail: Mail, day: int) -> _Facts:
    return _Facts(
        day,
        mail.last_updated_at,
        None if mail.sender is None else str(mail.sender).lower(),
        "\n".join(str(recipient).lower() for recipient in mail.recipients),
        mail.remote_host,
        mail.remote_address,
    )


def _is_chosen(query: RepositoryQuery | None, facts: _Facts) -> bool:
    return query is None or matches(query, facts.updated, facts.sender, facts.recipients, facts.host, facts.address)


def _mark(effect: Effect) -> bytes:
    return blake2b(f"{effect.entry}\n{effect.key}".encode(), digest_size=_EFFECT_BYTES).digest()
