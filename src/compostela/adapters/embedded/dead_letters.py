"""Dead letters of listener groups: see `compostela.core.events.ports.DeadLetters` for what it promises."""

from collections.abc import Sequence
from typing import Any

import orjson

from compostela.adapters.embedded.listener_rows import log_id, log_key
from compostela.adapters.embedded.mailbox_rows import Names
from compostela.adapters.embedded.reader import Reader
from compostela.adapters.embedded.writer import Transaction, Writer
from compostela.core.events.model import DeadLetter
from compostela.core.mailbox.model import Mailbox
from compostela.model.mailbox_path import MailboxPath
from compostela.model.numbers import ModSeq, UidValidity
from compostela.model.username import Username

_COLUMNS = "id, listener, log, mailbox, since, until, error, failed_at"
# a letter of a snapshot (no `since`) begins before everything
_EXTEND = """UPDATE dead_letter SET until = max(until, ?1), since = CASE WHEN ?2 IS NULL THEN NULL ELSE since END, error = ?3,
    failed_at = ?4, mailbox = ?5 WHERE id = (SELECT id FROM dead_letter WHERE listener = ?6 AND log = ?7
    AND (?2 IS NULL OR (until >= ?2 AND (since IS NULL OR since <= ?2))) LIMIT 1)"""
_ADD = f"INSERT OR REPLACE INTO dead_letter ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_IDS = "SELECT id FROM dead_letter WHERE listener = ? ORDER BY failed_at, id LIMIT ?"
_GET = f"SELECT {_COLUMNS} FROM dead_letter WHERE listener = ? AND id = ?"
_REMOVE = "DELETE FROM dead_letter WHERE listener = ?1 AND id = ?2 AND (?3 IS NULL OR until = ?3)"


class EmbeddedDeadLetters:
    """Reads on the loop's connection, writes through the writer."""

    def __init__(self, writer: Writer, reader: Reader, names: Names) -> None:
        self._writer = writer
        self._reader = reader
        self._names = names

    async def add(self, letter: DeadLetter) -> None:
        key, mailbox = log_key(self._names, letter.log), _packed(letter.mailbox)

        def job(tx: Transaction) -> None:
            extended = (letter.until, letter.since, letter.error, letter.failed_at, mailbox, letter.group, key)
            tx.execute(_EXTEND, extended)
            if tx.connection.changes():
                return
            values = (letter.id, letter.group, key, mailbox, letter.since, letter.until, letter.error, letter.failed_at)
            tx.execute(_ADD, values)

        await self._writer.run(job, frees_space=True)

    async def groups(self) -> list[str]:
        return [
            row[0] for row in self._reader.execute("SELECT DISTINCT listener FROM dead_letter ORDER BY 1").fetchall()
        ]

    async def ids(self, group: str, limit: int | None = None) -> Sequence[str]:
        return [row[0] for row in self._reader.execute(_IDS, (group, -1 if limit is None else limit)).fetchall()]

    async def get(self, group: str, letter: str) -> DeadLetter | None:
        row = self._reader.execute(_GET, (group, letter)).fetchone()
        if row is None:
            return None
        name, listener, key, mailbox, since, until, error, failed_at = row
        log = log_id(self._names, key)
        return DeadLetter(name, listener, log, self._unpacked(key, mailbox), since, ModSeq(until), error, failed_at)

    def _unpacked(self, key: int | str, packed: str | None) -> Mailbox | None:
        if packed is None or isinstance(key, str):
            return None
        stored: dict[str, Any] = orjson.loads(packed)
        path = MailboxPath(stored["namespace"], Username(stored["user"]), stored["name"])
        return Mailbox(self._names.mailbox(key), path, UidValidity(stored["uidValidity"]))

    async def remove(self, group: str, letter: str, until: ModSeq | None = None) -> None:
        await self._writer.execute(_REMOVE, (group, letter, until), frees_space=True)

    async def remove_all(self, group: str) -> None:
        statement = "DELETE FROM dead_letter WHERE listener = ?"
        await self._writer.execute(statement, (group,), frees_space=True, is_long=True)

    async def count(self) -> int:
        return int(self._reader.execute("SELECT count(*) FROM dead_letter").fetchone()[0])


def _packed(mailbox: Mailbox | None) -> str | None:
    if mailbox is None:
        return None
    path = mailbox.path
    stored = {
        "namespace": path.namespace,
        "user": path.user.value,
        "name": path.name,
        "uidValidity": mailbox.uid_validity,
    }
    return orjson.dumps(stored).decode()
