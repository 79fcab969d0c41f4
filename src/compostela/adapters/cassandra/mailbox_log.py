"""Statements on the log of mailboxes: the only table in which the truth about messages is."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from compostela.adapters.cassandra.session import CassandraSession, Outcome, Statement
from compostela.base.errors import NotFound, StorageFull, TemporaryFailure
from compostela.core.events.model import LogId
from compostela.core.mailbox.log_and_pages.entries import decode_row, encode_images, encode_row
from compostela.core.mailbox.log_and_pages.head import Head, decode_head, encode_head
from compostela.core.mailbox.log_and_pages.planning import MAX_ROW_BYTES, Plan
from compostela.core.mailbox.log_and_pages.state import News, Row, check_dense
from compostela.model.numbers import MailboxId

T = TypeVar("T")

EFFECT_SECONDS = 10 * 86400
"""How long an effect is known: longer than any run."""
DELETED_SECONDS = 10 * 86400
"""How long a deleted mailbox is known to be one, so that a late create does not revive it."""
LAST_TIMESTAMP = 10**15
"""Of the removal of a partition whose timestamps are ModSeqs: it shuts out what comes late."""
REPEATS = 12
"""How often a write is sent whose outcome is unknown."""
REPEAT_SECONDS = 15.0
"""Later it is not sent again: an engine that does not answer has its time-out for each try."""
PAUSE_SECONDS = 0.02
NEWEST_ROWS = 100
DELETED = -1
"""The revision of a deleted mailbox."""
_SENTINEL = b"\xff" * 8
_COLUMNS = "k, entry, revision, head"
_NEWS = f"SELECT {_COLUMNS} FROM mailbox_log WHERE mailbox = ? AND kind = 0 AND k > ?"
_NEWEST = f"SELECT {_COLUMNS} FROM mailbox_log WHERE mailbox = ? AND kind = 0 LIMIT {NEWEST_ROWS}"
_HEADS = "SELECT DISTINCT mailbox, head FROM mailbox_log LIMIT ?"
_HEADS_AFTER = "SELECT DISTINCT mailbox, head FROM mailbox_log WHERE token(mailbox) > token(?) LIMIT ?"
_OLDER = "SELECT k, entry FROM mailbox_log WHERE mailbox = ? AND kind = 0 AND k < ? AND k > ?"
_WITH_IMAGES = "SELECT k, entry, image FROM mailbox_log WHERE mailbox = ? AND kind = 0 AND k > ? AND k <= ?"
_HEAD = "SELECT DISTINCT mailbox, revision, head FROM mailbox_log WHERE mailbox = ?"
_ALL = "SELECT DISTINCT mailbox, revision, head FROM mailbox_log"
_ADVANCE = "UPDATE mailbox_log SET revision = ?, head = ? WHERE mailbox = ? IF revision = ?"
_ENTRY = "INSERT INTO mailbox_log (mailbox, kind, k, entry, image) VALUES (?, 0, ?, ?, ?)"
_TRIM = "DELETE FROM mailbox_log WHERE mailbox = ? AND kind = 0 AND k <= ?"
_EFFECT = f"""INSERT INTO mailbox_log (mailbox, kind, k, entry) VALUES (?, 1, ?, ?) IF NOT EXISTS
    USING TTL {EFFECT_SECONDS}"""
_CREATE = "UPDATE mailbox_log SET revision = 1, head = ? WHERE mailbox = ? IF revision = null"
_CREATE_SENTINEL = "INSERT INTO mailbox_log (mailbox, kind, k) VALUES (?, 0, ?)"
_BURY = f"""UPDATE mailbox_log USING TTL {DELETED_SECONDS} SET revision = {DELETED}, head = null WHERE mailbox = ?
    IF revision = ?"""
_CLEAR = "DELETE FROM mailbox_log WHERE mailbox = ? AND kind = ?"


@dataclass(frozen=True, slots=True)
class Publication:
    """One conditional write. It is repeated octet for octet while its outcome is unknown: it can be applied once."""

    mailbox: str
    revision: int
    """The one that it replaces."""
    plan: Plan
    trims: bool = False
    effects: Sequence[tuple[bytes, bytes]] = ()
    """Keys with answers."""

    def statements(self) -> list[Statement]:
        plan = self.plan
        written = [Statement(_ADVANCE, (self.revision + 1, encode_head(plan.head), self.mailbox, self.revision))]
        if plan.entries:
            entry, image = encode_row(plan.entries), encode_images(plan.images)
            if len(entry) + len(image or b"") > MAX_ROW_BYTES:
                raise TemporaryFailure("the change is too large for one step")
            written.append(Statement(_ENTRY, (self.mailbox, _key(plan.head.modseq), entry, image)))
        if self.trims:
            written.append(Statement(_TRIM, (self.mailbox, _key(plan.head.floor))))
        written += [Statement(_EFFECT, (self.mailbox, key, answer)) for key, answer in self.effects]
        return written


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a publication. If it was refused, `effects` are the answers of effects that had happened before, and
    `is_unclear` tells that an earlier try of the same octets may have been applied."""

    is_applied: bool
    effects: dict[bytes, bytes] = field(default_factory=dict)
    is_unclear: bool = False


class MailboxLogTable:
    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    # reading

    async def newest(self, mailbox: str) -> News:
        """The whole tail. Raises `NotFound`."""
        found = await self._session.rows(_NEWEST, mailbox)
        news = _news(found, is_cold=True)
        rows = list(news.rows)
        if len(rows) == NEWEST_ROWS - 1:
            older = await self._session.rows(_OLDER, mailbox, _key(rows[0].modseq), _key(news.head.projected))
            rows = [Row(_modseq(k), decode_row(entry)) for k, entry in reversed(older)] + rows
        return News(news.revision, news.head, rows)

    async def news(self, mailbox: str, after: int) -> News:
        """Rows after a ModSeq. Raises `NotFound`."""
        return _news(await self._session.rows(_NEWS, mailbox, _key(after)))

    async def head(self, mailbox: str) -> tuple[int, Head]:
        """Also the revision. Raises `NotFound`."""
        row = await self._session.first(_HEAD, mailbox)
        return _living(None if row is None else row[1:])

    async def all(self) -> AsyncIterator[list[tuple[LogId, int]]]:
        """All mailboxes with their highest ModSeqs, in no order."""
        async for page in self._session.pages(_ALL):
            yield [(MailboxId(mailbox), decode_head(head).modseq) for mailbox, _, head in page if head is not None]

    async def behind(self, after: str, limit: int) -> tuple[list[str], str | None]:
        """Read at most `limit` mailboxes that follow `after`, in the order of the partitions. Return those whose pages lag the log, and
        the mailbox to continue after: None at the end."""
        heads, last = await self.heads(after, limit)
        return [mailbox for mailbox, head in heads if head.projected < head.modseq], last

    async def heads(self, after: str, limit: int) -> tuple[list[tuple[str, Head]], str | None]:
        """Read at most `limit` mailboxes that follow `after`, in the order of the partitions, with their heads. Return also the mailbox
        to continue after: None at the end."""
        rows = await (self._session.rows(_HEADS_AFTER, after, limit) if after else self._session.rows(_HEADS, limit))
        heads = [(mailbox, decode_head(head)) for mailbox, head in rows if head is not None]
        return heads, rows[-1][0] if len(rows) == limit else None

    async def with_images(self, mailbox: str, after: int, until: int) -> list[tuple[int, bytes, bytes | None]]:
        """ModSeq, entries and before-images of every row after a ModSeq and up to that of another row, in order. Raises `Hole`."""
        rows = await self._session.rows(_WITH_IMAGES, mailbox, _key(after), _key(until))
        found = [
            (_modseq(k), bytes(entry), None if image is None else bytes(image)) for k, entry, image in reversed(rows)
        ]
        check_dense((Row(modseq, decode_row(entry)) for modseq, entry, _ in found), after, until)
        return found

    # writing

    async def publish(self, publication: Publication) -> Published:
        """Raises `TemporaryFailure` when the outcome stays unknown."""
        outcome, is_unclear = await settled(self._session, publication.statements())
        effects = {
            bytes(row["k"]): bytes(row["entry"])
            for row in outcome.rows
            if row.get("kind") == 1 and row.get("entry") is not None
        }
        return Published(outcome.applied, effects, is_unclear)

    async def create(self, mailbox: str, head: Head) -> None:
        """The id is new, so that a refusal tells that an earlier try was applied."""
        statements = [
            Statement(_CREATE, (encode_head(head), mailbox)),
            Statement(_CREATE_SENTINEL, (mailbox, _SENTINEL)),
        ]
        await settled(self._session, statements)

    async def bury(self, mailbox: str, revision: int) -> bool:
        """Remove the log of a deleted mailbox. Return False when it has changed meanwhile."""
        statements = [
            Statement(_BURY, (mailbox, revision)),
            Statement(_CLEAR, (mailbox, 0)),
            Statement(_CLEAR, (mailbox, 1)),
        ]
        return (await settled(self._session, statements))[0].applied


async def settled(session: CassandraSession, statements: Sequence[Statement]) -> tuple[Outcome, bool]:
    """Send a conditional batch until its outcome is known; also whether an earlier try may have been applied. Raises
    `TemporaryFailure`."""
    return await repeated(lambda: session.batch_if(statements))


async def to_the_end(write: Coroutine[object, object, T]) -> T:
    """A write that was begun is not left half done: a caller that is cancelled waits until its outcome is known."""
    task = asyncio.ensure_future(write)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise


async def persistently(write: Callable[[], Awaitable[None]]) -> None:
    """Send a write that may be repeated until it is answered. Raises `StorageFull` and `TemporaryFailure`."""
    await repeated(write)


async def repeated(call: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
    """The result of a call that may be repeated, and whether it was. Raises what the last of several tries raises."""
    until = time.monotonic() + REPEAT_SECONDS
    tries = 0
    while True:
        tries += 1
        try:
            return await call(), tries > 1
        except StorageFull:
            raise
        except TemporaryFailure:
            if tries == REPEATS or time.monotonic() > until:
                raise
        await pause()


async def pause() -> None:
    """Before something is tried again: long enough that several nodes do not try in step."""
    await asyncio.sleep(random.uniform(0.1, 1.0) * PAUSE_SECONDS)


def _key(modseq: int) -> bytes:
    return modseq.to_bytes(8, "big")


def _modseq(key: bytes) -> int:
    return int.from_bytes(key, "big")


def _living(statics: Sequence[object] | None) -> tuple[int, Head]:
    if statics is None or statics[1] is None:
        raise NotFound("the mailbox is gone")
    revision, head = statics
    assert isinstance(revision, int)
    assert isinstance(head, bytes)
    return revision, decode_head(head)


def _news(found: Sequence[tuple[bytes, bytes | None, int | None, bytes | None]], *, is_cold: bool = False) -> News:
    """From rows with the newest, the sentinel, first. A cold reader needs none that the pages show."""
    revision, head = _living(found[0][2:] if found else None)
    after = _key(head.projected if is_cold else 0)
    rows = [Row(_modseq(k), decode_row(entry)) for k, entry, _, _ in reversed(found) if entry is not None and k > after]
    return News(revision, head, rows)
