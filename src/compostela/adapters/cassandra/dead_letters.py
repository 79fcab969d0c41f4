"""Dead letters of listener groups: those of a group in 16 partitions, by log, and the log of each letter by its id.

A letter is one cell, changed if it is still the same.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from compostela.adapters.cassandra.conditional import Conflict, planned
from compostela.adapters.cassandra.session import CassandraSession, Row
from compostela.base.concurrency import side_by_side
from compostela.core.events.model import DeadLetter, LogId
from compostela.core.mailbox.model import Mailbox
from compostela.model.numbers import MailboxId, ModSeq
from compostela.model.username import Username

BUCKETS = 16
"""Part of the tables' layout. A group that fails for a million mailboxes has 20 MB in each."""
_OF_LOG = "SELECT id, letter FROM dead_letter WHERE listener = ? AND bucket = ? AND log = ?"
_OF_BUCKET = "SELECT id, letter FROM dead_letter WHERE listener = ? AND bucket = ?"
_GET = "SELECT letter FROM dead_letter WHERE listener = ? AND bucket = ? AND log = ? AND id = ?"
_ADD = "INSERT INTO dead_letter (listener, bucket, log, id, letter) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
_CHANGE = """UPDATE dead_letter SET letter = ? WHERE listener = ? AND bucket = ? AND log = ? AND id = ?
    IF letter = ?"""
_REMOVE = "DELETE FROM dead_letter WHERE listener = ? AND bucket = ? AND log = ? AND id = ? IF letter = ?"
_LOG_OF = "SELECT log FROM dead_letter_log WHERE listener = ? AND id = ?"
_ADD_LOG = "INSERT INTO dead_letter_log (listener, id, log) VALUES (?, ?, ?) IF NOT EXISTS"
_REMOVE_LOG = "DELETE FROM dead_letter_log WHERE listener = ? AND id = ? IF EXISTS"
_GROUPS = "SELECT DISTINCT listener, bucket FROM dead_letter"
_COUNT = "SELECT count(*) FROM dead_letter"


class _Stored(msgspec.Struct, array_like=True):
    """A letter without its id, group and log."""

    mailbox: Mailbox | None
    since: ModSeq | None
    until: ModSeq
    error: str
    failed_at: float


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Stored).decode


class CassandraDeadLetters:
    """See `compostela.core.events.ports`."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def add(self, letter: DeadLetter) -> None:
        place = _place(letter.group, _log_text(letter.log))

        async def change() -> None:
            for name, octets in await self._session.rows(_OF_LOG, *place):
                known = _letter(letter.group, letter.log, name, octets)
                if (extended := _extended(known, letter)) is not None:
                    changed = await self._session.write_if(_CHANGE, _packed(extended), *place, name, octets)
                    break
            else:
                # first: a letter that is there is found by its id
                await self._session.write_if(_ADD_LOG, letter.group, letter.id, place[2])
                changed = await self._session.write_if(_ADD, *place, letter.id, _packed(letter))
            if not changed.applied:
                raise Conflict

        await planned(change)

    async def groups(self) -> list[str]:
        return sorted({row[0] for row in await self._session.rows(_GROUPS)})

    async def ids(self, group: str, limit: int | None = None) -> Sequence[str]:
        found = [(_decode(octets).failed_at, name) for name, octets in await self._of_group(group)]
        return [name for _, name in sorted(found)[:limit]]

    async def _of_group(self, group: str) -> list[Row]:
        buckets = await side_by_side(range(BUCKETS), lambda bucket: self._session.rows(_OF_BUCKET, group, bucket))
        return [row for rows in buckets for row in rows]

    async def get(self, group: str, letter: str) -> DeadLetter | None:
        place = await self._place(group, letter)
        row = None if place is None else await self._session.first(_GET, *place, letter)
        return None if row is None or place is None else _letter(group, _log(place[2]), letter, row[0])

    async def remove(self, group: str, letter: str, until: ModSeq | None = None) -> None:
        async def change() -> None:
            place = await self._place(group, letter)
            if place is None:
                return
            row = await self._session.first(_GET, *place, letter)
            if row is not None:
                if until is not None and _decode(row[0]).until != until:
                    return
                if not (await self._session.write_if(_REMOVE, *place, letter, row[0])).applied:
                    raise Conflict
            await self._session.write_if(_REMOVE_LOG, group, letter)

        await planned(change)

    async def remove_all(self, group: str) -> None:
        await side_by_side([row[0] for row in await self._of_group(group)], lambda name: self.remove(group, name))

    async def count(self) -> int:
        row = await self._session.first(_COUNT)
        return 0 if row is None else int(row[0])

    async def _place(self, group: str, letter: str) -> tuple[str, int, str] | None:
        row = await self._session.first(_LOG_OF, group, letter)
        return None if row is None else _place(group, row[0])


def _extended(known: DeadLetter, letter: DeadLetter) -> DeadLetter | None:
    """The known letter with the new one taken in; None if the new one does not follow it."""
    is_snapshot = letter.since is None
    follows = letter.since is not None and known.until >= letter.since
    begins_before = letter.since is not None and (known.since is None or known.since <= letter.since)
    if not is_snapshot and not (follows and begins_before):
        return None
    return replace(
        known,
        mailbox=letter.mailbox,
        since=None if is_snapshot else known.since,
        until=max(known.until, letter.until),
        error=letter.error,
        failed_at=letter.failed_at,
    )


def _packed(letter: DeadLetter) -> bytes:
    return _encode(_Stored(letter.mailbox, letter.since, letter.until, letter.error, letter.failed_at))


def _letter(group: str, log: LogId, name: str, octets: bytes) -> DeadLetter:
    stored = _decode(octets)
    return DeadLetter(name, group, log, stored.mailbox, stored.since, stored.until, stored.error, stored.failed_at)


def _place(group: str, log: str) -> tuple[str, int, str]:
    return group, zlib.crc32(log.encode()) % BUCKETS, log


def _log_text(log: LogId) -> str:
    return f"user:{log.value}" if isinstance(log, Username) else f"mailbox:{log}"


def _log(text: str) -> LogId:
    kind, _, name = text.partition(":")
    return Username(name) if kind == "user" else MailboxId(name)
