"""The embedded mail repositories. Every protocol that a configuration names is kept here; the URL stays as written."""

from collections.abc import AsyncIterator

from compostela.adapters.embedded.blobs import EmbeddedBlobs
from compostela.adapters.embedded.effects import STORED, forget, recall, remember
from compostela.adapters.embedded.packing import pack
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.idempotency import Effect
from compostela.core.mail import codec as mail_codec
from compostela.core.mail.model import Mail
from compostela.core.repository.ports import RepositoryQuery, RepositoryUrl
from compostela.core.repository.queries import matches
from compostela.model.numbers import EntryId

BATCH = 500

_STORE = """INSERT INTO repository_mail (repository, key, last_updated_at, sender, recipients, remote_host,
    remote_address, mail, coding, header, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_FIND = "SELECT id FROM repository_mail WHERE repository = ? AND key = ?"
_RESIZE = "UPDATE repository SET size = size + ? WHERE id = ?"
_KEYS = """SELECT id, key, last_updated_at, sender, recipients, remote_host, remote_address FROM repository_mail
    WHERE repository = ? AND id > ? ORDER BY id LIMIT ?"""
_LOAD = """SELECT r.mail, r.coding, r.header, b.id, b.size, b.digest FROM repository_mail r JOIN blob b ON b.id = r.body
    WHERE r.repository = ? AND r.key = ?"""


class EmbeddedRepository:
    """One repository: rows of `repository_mail`."""

    def __init__(self, row_id: int, url: RepositoryUrl, writer: Writer, reader: Reader, blobs: EmbeddedBlobs) -> None:
        self._id = row_id
        self.url = url
        self._writer = writer
        self._reader = reader
        self._blobs = blobs

    async def store(self, mail: Mail, effect: Effect | None = None) -> str:
        if effect is None:
            # what the pipeline does with an accepted mail is nothing new: it has its place, its bytes are stored
            self._blobs.take_room(mail.content)
        content, encoded = mail.content, mail_codec.encode(mail)
        self._blobs.prepare(content.body)

        def job(tx: Transaction) -> str:
            if effect is not None:
                known = recall(tx, effect, mail.name.encode())
                if known is not None:
                    return known.decode()
            self._remove(tx, mail.name, None)
            coding, header = pack(content.header)
            tx.execute(
                _STORE,
                (
                    self._id,
                    mail.name,
                    mail.last_updated_at,
                    None if mail.sender is None else str(mail.sender).lower(),
                    "\n".join(str(recipient).lower() for recipient in mail.recipients),
                    mail.remote_host,
                    mail.remote_address,
                    encoded,
                    coding,
                    header,
                    self._blobs.put(tx, content.body),
                ),
            )
            tx.execute(_RESIZE, (1, self._id))
            if effect is not None:
                remember(tx, effect, mail.name.encode())
            return mail.name

        return await self._writer.run(job)

    async def keys(self, query: RepositoryQuery | None = None) -> AsyncIterator[str]:
        last = 0
        while True:
            rows = self._reader.execute(_KEYS, (self._id, last, BATCH)).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for _, key, *facts in rows:
                if query is None or matches(query, *facts):
                    yield key

    async def retrieve(self, key: str) -> Mail | None:
        row = self._reader.execute(_LOAD, (self._id, key)).fetchone()
        if row is None:
            return None
        data, *content = row
        return mail_codec.decode(data, self._blobs.content(*content))

    async def entry(self, key: str) -> EntryId | None:
        row = self._reader.execute(_FIND, (self._id, key)).fetchone()
        return None if row is None else _entry(row[0])

    async def remove(self, key: str, entry: EntryId | None = None) -> bool:
        return await self._writer.run(lambda tx: self._remove(tx, key, entry), frees_space=True)

    def _remove(self, tx: Transaction, key: str, entry: EntryId | None) -> bool:
        row = tx.execute(_FIND, (self._id, key)).fetchone()
        if row is None or entry not in (None, _entry(row[0])):
            return False
        tx.execute("DELETE FROM repository_mail WHERE id = ?", (row[0],))
        tx.execute(_RESIZE, (-1, self._id))
        forget(tx, _entry(row[0]))
        return True

    async def remove_all(self) -> int:
        def job(tx: Transaction) -> int:
            keys = tx.execute("SELECT key FROM repository_mail WHERE repository = ? LIMIT ?", (self._id, BATCH))
            return sum(self._remove(tx, row[0], None) for row in keys.fetchall())

        removed = 0
        while count := await self._writer.run(job, frees_space=True, is_long=True):
            removed += count
        return removed

    async def size(self) -> int:
        row = self._reader.execute("SELECT size FROM repository WHERE id = ?", (self._id,)).fetchone()
        return 0 if row is None else int(row[0])


class EmbeddedRepositories:
    """All repositories of the data folder."""

    def __init__(self, writer: Writer, reader: Reader, blobs: EmbeddedBlobs) -> None:
        self._writer = writer
        self._reader = reader
        self._blobs = blobs

    async def select(self, url: RepositoryUrl) -> EmbeddedRepository:
        found = await self.find(url)
        if found is not None:
            return found
        await self._writer.execute("INSERT OR IGNORE INTO repository (url, path) VALUES (?, ?)", (str(url), url.path))
        found = await self.find(url)
        assert found is not None
        return found

    async def find(self, url: RepositoryUrl) -> EmbeddedRepository | None:
        row = self._reader.execute("SELECT id FROM repository WHERE url = ?", (str(url),)).fetchone()
        return None if row is None else self._repository(row[0], url)

    async def by_path(self, path: str) -> list[EmbeddedRepository]:
        rows = self._reader.execute("SELECT id, url FROM repository WHERE path = ? ORDER BY url", (path.strip("/"),))
        return [self._repository(row_id, RepositoryUrl.parse(url)) for row_id, url in rows.fetchall()]

    async def urls(self) -> list[RepositoryUrl]:
        rows = self._reader.execute("SELECT url FROM repository ORDER BY url").fetchall()
        return [RepositoryUrl.parse(row[0]) for row in rows]

    def _repository(self, row_id: int, url: RepositoryUrl) -> EmbeddedRepository:
        return EmbeddedRepository(row_id, url, self._writer, self._reader, self._blobs)


def _entry(row_id: int) -> EntryId:
    """Rows are numbered once and for all (AUTOINCREMENT), so this names one storing."""
    return EntryId(f"{STORED}{row_id}")
