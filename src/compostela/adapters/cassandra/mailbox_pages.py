"""Statements on pages and on the kept log. Timestamps are ModSeqs, so that projectors may write in any order."""

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from itertools import groupby

from compostela.adapters.cassandra.mailbox_log import LAST_TIMESTAMP, persistently
from compostela.adapters.cassandra.session import CassandraSession, Statement
from compostela.base.concurrency import side_by_side
from compostela.base.errors import TemporaryFailure
from compostela.core.mailbox.log_and_pages.page import Cells, Level, MixedCells, Page, bucket_of, page_of
from compostela.core.mailbox.log_and_pages.projection import KEPT_BUCKET_BITS

PAGES_OF_A_READ = 32
QUERIES_AT_ONCE = 16
ROWS_OF_A_BATCH = 64
BATCH_BYTES = 1024 * 1024
_CELLS = {Level.UIDS: "version, uids", Level.FLAGS: "version, uids, flags", Level.FACTS: "version, uids, flags, facts"}
_READ = {
    level: f"SELECT page, {cells} FROM mailbox_page WHERE mailbox = ? AND bucket = ? AND page >= ? AND page <= ?"
    for level, cells in _CELLS.items()
}
_SHORT = """INSERT INTO mailbox_page (mailbox, bucket, page, version, uids, flags) VALUES (?, ?, ?, ?, ?, ?)
    USING TIMESTAMP ?"""
_LONG = """INSERT INTO mailbox_page (mailbox, bucket, page, version, uids, flags, facts) VALUES (?, ?, ?, ?, ?, ?, ?)
    USING TIMESTAMP ?"""
_PURGE = f"DELETE FROM mailbox_page USING TIMESTAMP {LAST_TIMESTAMP} WHERE mailbox = ? AND bucket = ?"
_KEEP = """INSERT INTO mailbox_kept_log (mailbox, bucket, modseq, entry, image, at) VALUES (?, ?, ?, ?, ?, ?)
    USING TIMESTAMP ?"""
_KEPT = """SELECT modseq, entry, image FROM mailbox_kept_log WHERE mailbox = ? AND bucket = ? AND modseq > ?
    AND modseq <= ?"""
_NEWEST_AT = "SELECT at FROM mailbox_kept_log WHERE mailbox = ? AND bucket = ? ORDER BY modseq DESC LIMIT 1"
_PURGE_KEPT = f"DELETE FROM mailbox_kept_log USING TIMESTAMP {LAST_TIMESTAMP} WHERE mailbox = ? AND bucket = ?"

KeptRow = tuple[int, bytes, bytes | None]
"""The ModSeq of the last entry, entries, before-images."""


class MailboxPageTable:
    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def read(self, mailbox: str, wanted: Mapping[int, Level]) -> dict[int, Cells]:
        """Pages by number; those that were never written are left out."""
        found: dict[int, Cells] = {}

        async def read(run: tuple[Level, int, int]) -> None:
            level, first, last = run
            for number, *cells in await self._session.rows(_READ[level], mailbox, bucket_of(first), first, last):
                if wanted.get(number) is level:
                    found[number] = Cells(*cells)

        await side_by_side(list(_runs(wanted)), read, QUERIES_AT_ONCE)
        return found

    async def write(self, mailbox: str, pages: Mapping[int, Cells]) -> None:
        async def write(page: tuple[int, Cells]) -> None:
            number, cells = page
            values = (mailbox, bucket_of(number), number, cells.version, cells.uids, cells.flags)
            if cells.facts is None:
                await persistently(lambda: self._session.write(_SHORT, *values, cells.version))
            else:
                await persistently(lambda: self._session.write(_LONG, *values, cells.facts, cells.version))

        await side_by_side(list(pages.items()), write, QUERIES_AT_ONCE)

    async def purge(self, mailbox: str, last_page: int) -> None:
        for bucket in range(bucket_of(last_page) + 1):
            await persistently(partial(self._session.write, _PURGE, mailbox, bucket))


class KeptLogTable:
    """What listeners and readers that come late are told: rows of the log after the projection has passed them."""

    def __init__(self, session: CassandraSession) -> None:
        self._session = session

    async def write(self, mailbox: str, rows: Iterable[KeptRow], at: int) -> None:
        """`at` in epoch seconds."""
        batch: list[Statement] = []
        bucket, octets = -1, 0
        for modseq, entry, image in rows:
            size = len(entry) + len(image or b"")
            if batch and (
                bucket != modseq >> KEPT_BUCKET_BITS or len(batch) == ROWS_OF_A_BATCH or octets + size > BATCH_BYTES
            ):
                await persistently(partial(self._session.batch, batch))
                batch, octets = [], 0
            bucket = modseq >> KEPT_BUCKET_BITS
            octets += size
            batch.append(Statement(_KEEP, (mailbox, bucket, modseq, entry, image, at, modseq)))
        if batch:
            await persistently(partial(self._session.batch, batch))

    async def read(self, mailbox: str, after: int, until: int) -> AsyncIterator[list[KeptRow]]:
        """Rows in order, a partition at a time."""
        for bucket in range(after >> KEPT_BUCKET_BITS, (until >> KEPT_BUCKET_BITS) + 1):
            async for rows in self._session.pages(_KEPT, mailbox, bucket, after, until, size=ROWS_OF_A_BATCH):
                yield [(modseq, bytes(entry), image) for modseq, entry, image in rows]

    async def newest_at(self, mailbox: str, bucket: int) -> int | None:
        """When the last row of a partition was written, in epoch seconds."""
        row = await self._session.first(_NEWEST_AT, mailbox, bucket)
        return None if row is None else row[0]

    async def purge(self, mailbox: str, after: int, until: int) -> None:
        """Remove partitions from that of `after` up to that of `until`."""
        for bucket in range(after >> KEPT_BUCKET_BITS, (until >> KEPT_BUCKET_BITS) + 1):
            await persistently(partial(self._session.write, _PURGE_KEPT, mailbox, bucket))


async def pages_in_order(table: MailboxPageTable, mailbox: str, first: int, uid_next: int) -> AsyncIterator[Page]:
    """The pages of a mailbox that changes no more, with facts. Raises `TemporaryFailure` for one that does."""
    for start in range(first, page_of(uid_next) + 1, PAGES_OF_A_READ):
        cells = await table.read(mailbox, dict.fromkeys(range(start, start + PAGES_OF_A_READ), Level.FACTS))
        for number, one in sorted(cells.items()):
            try:
                yield Page.decoded(number, one, Level.FACTS)
            except MixedCells as error:
                raise TemporaryFailure("a page of a mailbox is being written") from error


def _runs(wanted: Mapping[int, Level]) -> Iterable[tuple[Level, int, int]]:
    """Pages of one level and one partition that follow each other, as inclusive ranges."""
    numbered = sorted((level, number) for number, level in wanted.items())
    for (level, _, _), group in groupby(
        enumerate(numbered), lambda one: (one[1][0], bucket_of(one[1][1]), one[1][1] - one[0])
    ):
        numbers = [number for _, (_, number) in group]
        size = len(numbers) if level is Level.UIDS else PAGES_OF_A_READ
        for start in range(0, len(numbers), size):
            yield level, numbers[start], numbers[min(start + size, len(numbers)) - 1]
